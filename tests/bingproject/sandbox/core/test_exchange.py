"""Requests as they come and replies as they go."""

from __future__ import annotations

from bingproject.sandbox.core.exchange import Request, SandboxReply, parse_fields


def test_a_reply_says_that_it_is_a_sandbox() -> None:
    """Every reply has the sandbox's header and the length of its body; pages also forbid caching."""
    page = dict(SandboxReply("é").start["headers"])
    assert page[b"x-sandbox"] == b"1"
    assert page[b"content-length"] == b"2"
    assert page[b"cache-control"] == b"no-cache, no-store, must-revalidate"
    assert b"cache-control" not in dict(SandboxReply(b"x", page=False).start["headers"])


def test_json_keeps_letters_readable() -> None:
    """JSON goes out as UTF-8 with its own content type."""
    reply = SandboxReply.json({"a": "é"}, status=400)
    assert (reply.status, reply.body) == (400, '{"a": "é"}'.encode())
    assert dict(reply.start["headers"])[b"content-type"].startswith(b"application/json")


def test_a_request_reads_cookies_by_whole_name() -> None:
    """A cookie is found by its whole name, every value of it, over several headers."""
    headers = [(b"cookie", b"X_U=no; _U=one; _U=two"), (b"cookie", b"_U=three"), (b"accept", b"a")]
    request = Request({"method": "GET", "path": "/", "query_string": b"a=1", "headers": headers})
    assert request.cookies(b"_U") == [b"one", b"two", b"three"]
    assert request.header(b"accept") == b"a"
    assert request.header(b"host") is None
    assert request.query() == {"a": "1"}


def test_the_first_of_repeated_fields_counts() -> None:
    """Plus and percent escapes are decoded, blank fields kept, the first of a name wins."""
    assert parse_fields(b"q=a+c%C3%A9&q=b&x=") == {"q": "a cé", "x": ""}
