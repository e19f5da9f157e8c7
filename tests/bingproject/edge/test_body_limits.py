"""Bodies that arrive slowly, from strangers, or too many at once: over a real port, and the line for room by itself."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
import pytest

from bingproject.edge import body_limits
from bingproject.edge.body_limits import (
    Bodies,
    BodyFile,
    BodyLimit,
    BodyRefusedError,
    BodyTooLargeError,
    BodyTooSlowError,
    ClientLeftError,
)
from bingproject.edge.http_protocol import GuardedHttpProtocol
from bingproject.errors import InvalidApiKeyError
from tests.bingproject.edge.test_application import read_answer, send_head
from tests.factories import make_key
from tests.servers import LiveServer

MEGABYTE = 1024 * 1024
CHAT = "/v1/chat/completions"
JSON = ("Content-Type: application/json", "Connection: close")


async def refuse() -> int:
    """A sender whom nobody knows."""
    raise InvalidApiKeyError


async def allow() -> int:
    """A sender who may send a megabyte."""
    return MEGABYTE


STRANGER, KNOWN = BodyLimit(8 * MEGABYTE, refuse), BodyLimit(8 * MEGABYTE, allow)


def pieces(*contents: bytes, ends: bool = True) -> Any:
    """`receive` of a server that has these pieces; without an end it waits for ever after them."""
    left = list(contents)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(60)
        content = left.pop(0)
        return {"type": "http.request", "body": content, "more_body": bool(left) or not ends}

    return receive


async def read(bodies: Bodies, receive: Any, limit: BodyLimit = KNOWN, length: str = "") -> int:
    """How much of a body was read."""
    async with bodies.read({"content-length": length} if length else {}, receive, limit) as body:
        return body.size


async def test_a_body_is_joined_from_its_pieces() -> None:
    """What arrives in pieces is read whole."""
    async with Bodies().read({}, pieces(b"a", b"", b"bc"), STRANGER) as body:
        assert (body.size, body.read(), body.read()) == (3, b"abc", b"")


def test_a_body_is_read_once() -> None:
    """In pieces of any size, by lines, and then as a whole; nothing is left of it."""
    body = BodyFile()
    for chunk in (b"abcdef", b"", b"gh\ni", b"jkl"):
        body.add(chunk)
    assert body.size == 13
    assert [body.read(4), body.read(3)] == [b"abcd", b"efg"]
    assert [body.readline(), body.read(), body.read(), body.read(4)] == [b"h\n", b"ijkl", b"", b""]


def test_a_body_of_several_blocks_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece ends at a block's end, and all that is left comes whole."""
    monkeypatch.setattr(body_limits, "BLOCK_BYTES", 4)
    body = BodyFile()
    for chunk in (b"abcdef", b"gh", b"ijkl", b"m"):
        body.add(chunk)
    assert [body.read(4), body.read(4), body.read(1), body.read()] == [b"abcd", b"ef", b"g", b"hijklm"]


def test_a_body_that_is_closed_keeps_nothing() -> None:
    """What was not read is gone."""
    body = BodyFile()
    body.add(b"abc")
    body.close()
    assert body.closed and body.read() == b""


async def test_a_stranger_may_send_a_little() -> None:
    """64 KiB need no question; a byte more asks who sends it, before it is read when it is announced."""
    most = body_limits.UNCHECKED_BYTES
    assert await read(Bodies(), pieces(b"x" * most), STRANGER, str(most)) == most
    assert await read(Bodies(), pieces(b"x" * most), STRANGER) == most
    for length in (str(most + 1), ""):
        with pytest.raises(BodyRefusedError) as caught:
            await read(Bodies(), pieces(b"x" * most, b"x"), STRANGER, length)
        assert isinstance(caught.value.error, InvalidApiKeyError)


@pytest.mark.parametrize("length", ["", str(MEGABYTE + 1), str(8 * MEGABYTE + 1), "9" * 16, "-1", "x"])
async def test_too_much_is_refused(length: str) -> None:
    """Above what the sender may send, above what anybody may, or an announcement that is no number."""
    with pytest.raises(BodyTooLargeError):
        await read(Bodies(), pieces(*[b"x" * 1024] * 1025), KNOWN, length)


async def test_the_limit_of_a_path_may_be_smaller_than_a_strangers() -> None:
    """Then nobody is asked."""
    with pytest.raises(BodyTooLargeError):
        await read(Bodies(), pieces(b"abc"), BodyLimit(2, refuse))


async def test_a_sender_who_may_send_nothing_more_is_refused() -> None:
    """The check's answer may be below what everybody may send."""

    async def nothing() -> int:
        return 0

    for length in ("", "70000"):
        with pytest.raises(BodyTooLargeError):
            await read(Bodies(), pieces(b"x" * 70_000), BodyLimit(MEGABYTE, nothing), length)


async def test_a_sender_who_leaves_is_no_error_of_the_body() -> None:
    """Half a body and gone."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientLeftError):
        await read(Bodies(), receive)


async def test_a_body_that_stands_still_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much has come before."""
    monkeypatch.setattr(body_limits, "SILENCE_SECONDS", 0.1)
    for before in ((), (b"x" * 1000,), (b"x" * 500_000, b"x" * 500_000)):
        with pytest.raises(BodyTooSlowError):
            await read(Bodies(), pieces(*before, ends=False))


async def test_a_body_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte at a time wins next to no time back, a steady stream wins all of it."""
    monkeypatch.setattr(body_limits, "SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(body_limits, "LEAST_BYTES_PER_SECOND", 10_000)

    def drip(size: int) -> Any:
        count = 0

        async def receive() -> dict[str, Any]:
            nonlocal count
            count += 1
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"x" * size, "more_body": count < 30}

        return receive

    with pytest.raises(BodyTooSlowError):
        await read(Bodies(), drip(1))
    assert await read(Bodies(), drip(5000)) == 150_000


async def test_large_bodies_wait_in_line_for_room() -> None:
    """A body is not read until memory is free for it; bodies are served in order."""
    bodies = Bodies(MEGABYTE)
    order: list[str] = []
    release = asyncio.Event()

    async def hold(name: str, size: int) -> None:
        async with bodies.read({"content-length": str(size)}, pieces(b"x" * size), KNOWN):
            order.append(name)
            await release.wait()

    tasks = [asyncio.create_task(hold("first", 700_000))]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(hold("second", 600_000)))
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(hold("third", 100_000)))
    await asyncio.sleep(0.01)
    assert order == ["first"]
    assert await read(bodies, pieces(b"x" * 1000)) == 1000  # small ones need no room
    release.set()
    await asyncio.gather(*tasks)
    assert order == ["first", "second", "third"]
    assert await read(bodies, pieces(b"x" * MEGABYTE), KNOWN, str(MEGABYTE)) == MEGABYTE


async def test_a_line_that_does_not_move_is_a_busy_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with a time to come again; the place in line is free again, also after one who left it."""
    monkeypatch.setattr(body_limits, "ROOM_SECONDS", 0.05)
    bodies = Bodies(MEGABYTE)
    async with bodies.read({"content-length": "700000"}, pieces(b"x" * 700_000), KNOWN):
        with pytest.raises(BodyRefusedError) as caught:
            await read(bodies, pieces(b""), KNOWN, "700000")
        assert caught.value.error.code == "server_busy"
        assert caught.value.error.retry_after == body_limits.ROOM_RETRY_SECONDS
        leaving = asyncio.create_task(read(bodies, pieces(b""), KNOWN, "700000"))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert await read(bodies, pieces(b"x" * 100_000), KNOWN, "100000") == 100_000
    assert await read(bodies, pieces(b"x" * 700_000), KNOWN, "700000") == 700_000


async def test_room_that_comes_while_a_waiter_leaves_goes_to_the_next() -> None:
    """Whoever was cancelled ends so, and not with an error of the line's; nothing of the room is lost."""
    bodies = Bodies(MEGABYTE)
    async with bodies.read({"content-length": "700000"}, pieces(b"x" * 700_000), KNOWN):
        leaving = asyncio.create_task(bodies.take(600_000))
        await asyncio.sleep(0)
        leaving.cancel()  # and in the same turn of the loop the room is handed out
    assert isinstance((await asyncio.gather(leaving, return_exceptions=True))[0], asyncio.CancelledError)
    assert await read(bodies, pieces(b"x" * MEGABYTE), KNOWN, str(MEGABYTE)) == MEGABYTE


async def test_a_body_without_a_length_keeps_no_more_room_than_it_needs() -> None:
    """While it comes it may become the largest there is; then the rest is free."""
    bodies = Bodies(MEGABYTE)
    async with bodies.read({}, pieces(b"x" * 70_000, b"x" * 30_000), KNOWN):
        assert await read(bodies, pieces(b"x" * 900_000), KNOWN, "900000") == 900_000


@pytest.fixture
def short_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close refused connections soon: their client reads the answer up to the end of the connection."""
    monkeypatch.setattr(body_limits, "LINGER_SECONDS", 0.2)
    monkeypatch.setattr(GuardedHttpProtocol, "linger_seconds", 0.2)


@pytest.fixture
def keyed(site: LiveServer, settings: Any, short_linger: None) -> LiveServer:
    """The real server, asking for keys."""
    settings.ACCESS = "keys"
    return site


def test_nothing_large_is_read_without_a_key(keyed: LiveServer) -> None:
    """401 at the head, with the contract's headers, and next to nothing is kept of what is sent nevertheless."""
    lines = []
    before = psutil.Process().memory_info().rss
    for _ in range(20):
        line = send_head(keyed, f"POST {CHAT} HTTP/1.1", f"Content-Length: {8 * MEGABYTE}", "Connection: close")
        try:
            for _ in range(4):
                line.sendall(b"x" * MEGABYTE)
        except OSError:
            pass
        lines.append(line)
    assert psutil.Process().memory_info().rss - before < 20 * MEGABYTE
    for line in lines:
        line.close()
    head = (f"POST {CHAT} HTTP/1.1", f"Content-Length: {MEGABYTE}", "Connection: close")
    for given in ((), ("Authorization: Bearer bp_wrong",), ("X-API-Key: other",)):
        with send_head(keyed, *head, *given) as line:
            status, headers, body = read_answer(line)
        assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")
        assert headers["www-authenticate"] == "bearer"


def test_a_key_opens_the_way_for_a_large_body(keyed: LiveServer) -> None:
    """With and without a length; the answer is the view's own."""
    _caller, key = make_key()
    body = json.dumps(
        {"model": "no-such-model", "messages": [{"role": "user", "content": "x" * 2 * MEGABYTE}]}
    ).encode()
    with httpx.Client(base_url=keyed.url, headers={"X-API-Key": key, "Content-Type": "application/json"}) as client:
        for content in (body, iter([body[:MEGABYTE], body[MEGABYTE:]])):
            assert client.post(CHAT, content=content).json()["error"]["code"] == "model_not_found"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, short_linger: None) -> Iterator[None]:
    """Little patience with bodies."""
    monkeypatch.setattr(body_limits, "SILENCE_SECONDS", 0.3)
    yield


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("head", "sent"),
    [
        ("Content-Length: 1000", b""),
        ("Content-Length: 1000", b"half"),
        ("Transfer-Encoding: chunked", b""),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n"),
        ("Transfer-Encoding: chunked", b"ffffffffffffffff\r\n"),
    ],
)
@pytest.mark.parametrize("path", ["/create/image", "/admin/login/", "/nowhere"])
def test_a_body_that_does_not_come_ends_its_connection(site: LiveServer, path: str, head: str, sent: bytes) -> None:
    """408 in the error shape, and the end of the connection: also where a chunk of 2^64 - 1 bytes is announced."""
    with send_head(site, f"POST {path} HTTP/1.1", head) as line:
        line.sendall(sent)
        status, headers, body = read_answer(line)
    assert (status, json.loads(body)["error"]["code"]) == (408, "request_timeout")
    assert headers["connection"] == "close"


@pytest.mark.usefixtures("hasty")
def test_a_body_that_keeps_coming_is_read(site: LiveServer) -> None:
    """Longer than the patience in all, never still."""
    with send_head(site, "POST /create/image HTTP/1.1", *JSON, "Content-Length: 500000") as line:
        for _ in range(10):
            line.sendall(b" " * 50_000)
            time.sleep(0.1)
        assert read_answer(line)[0] == 400
