"""Static files: found, conditional, in parts, and nothing beyond them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bingproject.edge.static_files import CHUNK_BYTES, StaticFiles
from bingproject.errors import InvalidRequestError, NotFoundError


@pytest.fixture
def files(tmp_path: Path) -> StaticFiles:
    """A folder of collected files, and a secret next to it."""
    root = tmp_path / "static"
    (root / "css").mkdir(parents=True)
    (root / "css" / "base.0123456789ab.css").write_bytes(b"a{}")
    (root / "big.bin").write_bytes(b"0123456789" * CHUNK_BYTES)
    (root / "empty.txt").write_bytes(b"")
    (tmp_path / "secret_key").write_text("secret")
    return StaticFiles(root, "/static/")


async def fetch(
    files: StaticFiles, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await files.serve(method, path, headers or {}, send)
    names = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    assert not sent[-1].get("more_body", False)
    return sent[0]["status"], names, b"".join(message["body"] for message in sent[1:])


async def test_sends_files(files: StaticFiles) -> None:
    """With their type; those named by their content may be kept for ever; large ones come in pieces."""
    status, headers, body = await fetch(files, "/static/css/base.0123456789ab.css")
    assert (status, body) == (200, b"a{}")
    assert headers["content-type"].startswith("text/css")
    assert "immutable" in headers["cache-control"]
    status, headers, body = await fetch(files, "/static/big.bin")
    assert (status, len(body)) == (200, 10 * CHUNK_BYTES)
    assert "immutable" not in headers["cache-control"]
    assert (await fetch(files, "/static/empty.txt"))[2] == b""


async def test_sends_only_what_is_new(files: StaticFiles) -> None:
    """304 for a known tag, 206 for a range, nothing for HEAD."""
    _, headers, _ = await fetch(files, "/static/big.bin")
    status, _, body = await fetch(files, "/static/big.bin", headers={"if-none-match": headers["etag"]})
    assert (status, body) == (304, b"")
    status, headers, body = await fetch(files, "/static/big.bin", headers={"range": "bytes=5-9"})
    assert (status, body) == (206, b"56789")
    status, headers, body = await fetch(files, "/static/big.bin", method="HEAD")
    assert (status, body, headers["content-length"]) == (200, b"", str(10 * CHUNK_BYTES))


@pytest.mark.parametrize("path", ["/static/", "/static/none.css", "/static/../secret_key", "/static/css", "/static//x"])
async def test_sends_nothing_else(files: StaticFiles, path: str) -> None:
    """What was not collected is not there, wherever a path points."""
    with pytest.raises(NotFoundError):
        await fetch(files, path)


async def test_is_read_only(files: StaticFiles) -> None:
    """Other methods are refused."""
    with pytest.raises(InvalidRequestError) as caught:
        await fetch(files, "/static/empty.txt", method="POST")
    assert caught.value.code == "method_not_allowed"


async def test_nothing_was_collected(tmp_path: Path) -> None:
    """A missing folder is no error of its own; once it is filled, its files are found."""
    files = StaticFiles(tmp_path / "later", "/static/")
    with pytest.raises(NotFoundError):
        await fetch(files, "/static/a.txt")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "a.txt").write_bytes(b"a")
    assert (await fetch(files, "/static/a.txt"))[2] == b"a"
