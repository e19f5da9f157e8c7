"""The result files over real HTTP."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from bingproject.sandbox.core.state import media_id
from bingproject.sandbox.images.media import VIDEO_FILE
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.conftest import Visit, id_of


def address(server: SandboxServer, request_id: str, index: int = 0) -> str:
    """Where a file of a generation is."""
    return f"{server.url}/th/id/{media_id(server.state.generations[request_id], index)}"


def test_a_picture_has_the_size_of_its_model(visit: Visit, server: SandboxServer) -> None:
    """JPEG of the model's size, a thumbnail where one is asked for, the four different."""
    request_id = visit().create("a cat", mdl="1", ar="2")
    answer = httpx.get(address(server, request_id), params={"pid": "ImgGn"})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-sandbox"] == "1"
    assert Image.open(io.BytesIO(answer.content)).size == (1536, 1024)
    small = httpx.get(address(server, request_id), params={"w": "64", "h": "48"})
    assert Image.open(io.BytesIO(small.content)).size == (64, 48)
    assert len(httpx.get(address(server, request_id), params={"w": "9999"}).content) == len(answer.content)
    four = visit().create("a dog")
    assert len({httpx.get(address(server, four, index)).content for index in range(4)}) == 4


def test_unknown_files_are_not_there(visit: Visit, server: SandboxServer) -> None:
    """404 for an id never given, a number too high, and a picture asked for as a video."""
    request_id = visit().create("sandbox:fewer-images=2")
    assert httpx.get(f"{server.url}/th/id/OIG1.gallery1").status_code == 404
    assert httpx.get(address(server, request_id, 1)).status_code == 200
    assert httpx.get(address(server, request_id, 2)).status_code == 404
    assert httpx.get(address(server, request_id), params={"pid": "videocreator"}).status_code == 404


def test_a_cookie_on_a_file_is_found_out(visit: Visit, server: SandboxServer) -> None:
    """The file is served, and the violation counted."""
    alice = visit()
    alice.http.get(address(server, alice.create("a cat")))
    assert [one["kind"] for one in server.state.violations] == ["cookie-on-media"]


def test_files_have_their_own_faults(visit: Visit, server: SandboxServer) -> None:
    """By the prompt, by a rule, and by the host they are asked from."""
    alice = visit()
    assert httpx.get(address(server, alice.create("sandbox:media-http-404"))).status_code == 404
    refused = address(server, alice.create("sandbox:tse-403"))
    assert httpx.get(refused, headers={"host": "tse1.mm.bing.net"}).status_code == 403
    assert httpx.get(refused).status_code == 200
    server.app.control.set_scenario({"scenario": "media-http-500", "next": 1})
    assert [httpx.get(refused).status_code for _ in range(2)] == [500, 200]
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(address(server, alice.create("sandbox:media-cut-body")))


def test_the_video_is_served_whole_and_in_ranges(visit: Visit, server: SandboxServer) -> None:
    """As players ask: from a byte on, a part, the end, and beyond it."""
    url = address(server, id_of(visit().submit_video("a cat")))
    video = VIDEO_FILE.read_bytes()
    length = len(video)

    def ask(span: str | None) -> httpx.Response:
        return httpx.get(url, params={"pid": "videocreator"}, headers={"range": span} if span else {})

    whole = ask(None)
    assert (whole.status_code, whole.headers["content-type"], whole.content) == (200, "video/mp4", video)
    assert whole.headers["accept-ranges"] == "bytes"
    first, rest, tail = ask("bytes=0-99"), ask("bytes=100-"), ask("bytes=-50")
    assert (first.status_code, first.content) == (206, video[:100])
    assert first.headers["content-range"] == f"bytes 0-99/{length}"
    assert rest.content == video[100:]
    assert tail.content == video[-50:]
    assert ask(f"bytes=0-{length * 2}").content == video
    assert (ask(f"bytes={length}-").status_code, ask("bytes=-0").status_code) == (416, 416)
    assert ask("bytes=-").status_code == 200
    assert Image.open(io.BytesIO(httpx.get(url).content)).size == (854, 480)


def test_the_video_is_a_small_h264_file() -> None:
    """It begins as MP4 files do, is made for streaming, and stays below 150 kB."""
    video = VIDEO_FILE.read_bytes()
    assert video[4:8] == b"ftyp"
    assert b"avc1" in video
    assert video.index(b"moov") < video.index(b"mdat")
    assert len(video) < 150_000
