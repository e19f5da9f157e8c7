"""Heads that are refused before anything parses them; the journeys over a port are in test_gate."""

from __future__ import annotations

from typing import Any

import pytest

from bingproject.edge.header_limits import RefusedHeadError, check_head
from bingproject.errors import InvalidRequestError, NotFoundError


def check(path: str = "/", /, query: bytes = b"", **headers: Any) -> None:
    """Check a head of these parts."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    check_head({"path": path, "query_string": query}, named)


def test_a_usual_head_passes() -> None:
    """Each part at its limit."""
    check("/admin/" + "a" * 2041)
    check("/admin/login/", content_type='multipart/form-data; boundary=b; charset="UTF-8"')
    check("/" * 8192, b"a=" + b"x" * 60_000)
    check(content_type="x" * 256, host="x" * 300, cookie="\\" * 500 + "x" * 15_000, accept="x" * 4096)


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (414, "/" * 8193, {}),
        (414, "/admin/" + "a" * 2042, {}),
        (431, "/", {"cookie": "x" * 16_385}),
        (431, "/", {"cookie": "\\" * 501}),
        (431, "/", {"accept": "x" * 4097}),
        (431, "/", {"accept_language": "x" * 4097}),
        (431, "/", {"authorization": "x" * 4097}),
        (431, "/", {"forwarded": "x" * 4097}),
        (431, "/", {"origin": "x" * 4097}),
        (431, "/", {"x_api_key": "x" * 4097}),
        (431, "/", {"x_forwarded_for": "x" * 4097}),
    ],
)
def test_what_is_too_long_is_refused_by_its_own_status(status: int, path: str, headers: dict[str, Any]) -> None:
    """One character more than the limit."""
    with pytest.raises(RefusedHeadError) as caught:
        check(path, **headers)
    assert (caught.value.status, caught.value.error.code) == (status, "too_large")


def test_what_has_a_code_of_its_own() -> None:
    """415 for a media type, 400 for a Host and for U+0000 in the query, 404 for a path that nothing can have."""
    with pytest.raises(InvalidRequestError) as caught:
        check(content_type="x" * 257)
    assert caught.value.code == "unsupported_media_type"
    with pytest.raises(InvalidRequestError) as caught:
        check("/admin/login/", content_type="multipart/form-data; boundary=b; charset=utf-16")
    assert caught.value.code == "unsupported_media_type"
    odd: tuple[dict[str, Any], ...] = ({"host": "x" * 301}, {"query": b"a=1&b=%00"})
    for given in odd:
        with pytest.raises(InvalidRequestError) as caught:
            check(**given)
        assert caught.value.code == "invalid_value"
    with pytest.raises(NotFoundError):
        check("/admin/a\0b")
    check("/task/a\0b")  # which the API answers itself
