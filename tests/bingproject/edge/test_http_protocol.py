"""Heads that never end, or take for ever, against a real server; what is refused before there is a request."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
import pytest

from bingproject.edge.http_protocol import HEAD_LIMIT_BYTES, GuardedHttpProtocol, connection_limit
from tests.bingproject.edge.test_application import read_answer
from tests.rig.servers import wait_for
from tests.servers import LiveServer

MEGABYTE = 1024 * 1024
ENDLESS = 10 * 1024 * MEGABYTE
OPENING = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"


class HastyProtocol(GuardedHttpProtocol):
    """As the server's own, in a hurry."""

    head_seconds = linger_seconds = 0.2


class ImpatientProtocol(GuardedHttpProtocol):
    """In a hurry once it has answered."""

    drain_seconds = 0.2


class NarrowProtocol(GuardedHttpProtocol):
    """As the server's own, with room for few."""

    most_connections, linger_seconds = 3, 0.3


@pytest.fixture(autouse=True)
def test_paths(settings: Any) -> None:
    """The paths of `api_urls` in front of the project's own."""
    settings.ROOT_URLCONF = "tests.bingproject.api.api_urls"


@pytest.fixture(scope="module")
def hasty_server() -> Iterator[LiveServer]:
    """An application that echoes how much of a body came, behind a server with little patience."""
    server = LiveServer(count_body, http=HastyProtocol).start()
    yield server
    server.stop()


@contextmanager
def serving(http: type[GuardedHttpProtocol]) -> Iterator[LiveServer]:
    """A server of its own for one test."""
    server = LiveServer(count_body, http=http).start()
    try:
        yield server
    finally:
        server.stop()


async def count_body(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the number of bytes; where the path says so at once, without waiting for them, or begin at once."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
        return
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]}
    if scope["path"] == "/begun":
        await send(start)
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await send({"type": "http.response.body", "body": b"second"})
        return
    count, is_whole = 0, scope["path"] == "/early"
    while not is_whole:
        message = await receive()
        count, is_whole = count + len(message.get("body", b"")), not message.get("more_body")
    if scope["path"] != "/begun":
        await send(start)
    await send({"type": "http.response.body", "body": b"%d" % count})


def connect(server: LiveServer) -> socket.socket:
    """A bare connection; what waits for the server for too long fails."""
    return socket.create_connection((server.host, server.port), timeout=20)


def send_on(line: socket.socket, piece: bytes) -> int:
    """Send the same again and again until the server will not have it; how much it took."""
    sent = 0
    try:
        while sent < ENDLESS:
            line.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


def is_closed(line: socket.socket) -> bool:
    """Wait for the connection's end; whether it came without an answer."""
    try:
        return line.recv(65536) == b""
    except ConnectionResetError:
        return True


def check_refusal(answer: tuple[int, dict[str, Any], bytes], status: int, code: str) -> None:
    """The answer is in the error shape, names its request, and says that the connection ends."""
    found, headers, body = answer
    assert (found, json.loads(body)["error"]["code"]) == (status, code)
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/json"
    assert headers["x-should-retry"] == "false"
    assert headers["x-request-id"]


@pytest.mark.parametrize(
    ("opening", "piece"),
    [
        (b"", b"x-name: " + b"v" * 1000 + b"\r\n"),
        (b"x-one: ", b"v" * 1000),
        (b"", b"n" * 1000),
        (b"", b"a:\r\n" * 250),
    ],
    ids=["headers", "one value", "one name", "many small"],
)
def test_headers_without_end(running_server: LiveServer, opening: bytes, piece: bytes) -> None:
    """Refused when the limit is passed; not much more is read, and memory stays what it was."""
    before = psutil.Process().memory_info().rss
    with connect(running_server) as line:
        line.sendall(OPENING + opening)
        sent = send_on(line, piece)
        assert sent < 64 * MEGABYTE
    assert psutil.Process().memory_info().rss - before < 32 * MEGABYTE


def test_an_address_without_end(running_server: LiveServer) -> None:
    """The same for the first line."""
    with connect(running_server) as line:
        line.sendall(b"GET /")
        assert send_on(line, b"a" * 1000) < 64 * MEGABYTE


def test_trailers_without_end(running_server: LiveServer) -> None:
    """Headers after a body are kept by the parser, too: the connection ends."""
    with connect(running_server) as line:
        line.sendall(OPENING + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
        assert send_on(line, b"x-name: " + b"v" * 1000 + b"\r\n") < 64 * MEGABYTE


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_head_that_is_too_large_is_answered(running_server: LiveServer, pieces: int) -> None:
    """431 in the error shape for who sends all of it before reading, in one piece or in several."""
    head = OPENING + b"x-name: " + b"v" * HEAD_LIMIT_BYTES + b"\r\n\r\n"
    size = -(-len(head) // pieces)
    with connect(running_server) as line:
        for start in range(0, len(head), size):
            line.sendall(head[start : start + size])
        check_refusal(read_answer(line), 431, "too_large")


def test_a_head_up_to_the_limit(site: LiveServer, http: httpx.Client) -> None:
    """It is served, and so is the next one over the same connection."""
    for _ in range(2):
        answer = http.get("/echo", headers={"x-name": "v" * (HEAD_LIMIT_BYTES - 1000)})
        assert answer.status_code == 200
    assert http.get("/echo", headers={"x-name": "v" * HEAD_LIMIT_BYTES}).status_code == 431


def test_a_large_body_is_no_head(http: httpx.Client) -> None:
    """A body above the head's limit, whole or in small chunks, counts for nothing here."""
    content = b'{"a": "%s"}' % (b"x" * 4 * HEAD_LIMIT_BYTES)
    for body in (content, (content[start : start + 512] for start in range(0, len(content), 512))):
        answer = http.post("/echo", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200


@pytest.mark.parametrize("text", [b"\x16\x03\x01\x02\x00", b"HELO localhost\r\n\r\n"])
def test_what_is_no_request(running_server: LiveServer, text: bytes) -> None:
    """TLS or another protocol: 400 in the error shape."""
    with connect(running_server) as line:
        line.sendall(text)
        check_refusal(read_answer(line), 400, "invalid_value")


@pytest.mark.parametrize("text", [b"", b"\r\n", OPENING, OPENING + b"x-name: v"])
def test_a_head_that_does_not_come(hasty_server: LiveServer, text: bytes) -> None:
    """Nothing, a blank line, half a head: the connection ends."""
    with connect(hasty_server) as line:
        line.sendall(text)
        assert is_closed(line)


def test_a_second_head_that_does_not_come(hasty_server: LiveServer) -> None:
    """After an answer, too."""
    for text in (b"\r\n", OPENING):
        with connect(hasty_server) as line:
            line.sendall(OPENING + b"Content-Length: 1\r\n\r\nx")
            assert line.recv(65536).endswith(b"\r\n\r\n1")
            line.sendall(text)
            assert is_closed(line)


def test_a_slow_head_gains_nothing_by_going_on(hasty_server: LiveServer) -> None:
    """Byte by byte: the time is the whole head's."""
    with connect(hasty_server) as line:
        line.settimeout(0.02)
        line.sendall(OPENING)

        def is_over() -> bool:
            try:
                line.sendall(b"x")
                return line.recv(65536) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_for(is_over, "the end")


def test_a_request_under_way_is_given_its_time(hasty_server: LiveServer) -> None:
    """A slow body, and a body that comes after its answer, are not heads; the next request is served."""
    with connect(hasty_server) as line:
        for path in (b"/echo", b"/early"):
            line.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n" % path)
            received = b"" if path == b"/echo" else line.recv(65536)
            for byte in b"12345678":
                with pytest.raises(TimeoutError):
                    line.settimeout(0.05)
                    line.recv(1)
                line.sendall(bytes([byte]))
            line.settimeout(20)
            received = received or line.recv(65536)
            assert received.endswith(b"8" if path == b"/echo" else b"0")


def test_who_goes_on_after_the_answer_is_left(hasty_server: LiveServer) -> None:
    """The answer waits for who sends on, but not for ever."""
    with connect(hasty_server) as line:
        line.sendall(OPENING + b"v" * (HEAD_LIMIT_BYTES + 1))
        check_refusal(read_answer(line), 431, "too_large")
        wait_for(lambda: send_some(line), "the end")


def send_some(line: socket.socket) -> bool:
    """True if the server no longer accepts data."""
    try:
        line.sendall(b"v")
    except OSError:
        return True
    return False


def test_a_body_that_cannot_be_read(running_server: LiveServer) -> None:
    """Its request is under way, and nothing was answered yet: 400 in the error shape."""
    with connect(running_server) as line:
        line.sendall(OPENING + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\nmany\r\n")
        check_refusal(read_answer(line), 400, "invalid_value")


@pytest.mark.parametrize("rest", [b"many\r\n", b"0\r\n" + b"v" * 2 * HEAD_LIMIT_BYTES], ids=["no chunk", "no end"])
def test_an_answer_under_way_is_not_cut_by_another(hasty_server: LiveServer, rest: bytes) -> None:
    """It had begun before its body went wrong: the connection ends, and no second answer is mixed into the first."""
    with connect(hasty_server) as line:
        line.sendall(b"POST /begun HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        send_on_once(line, rest)
        assert is_closed(line)


def send_on_once(line: socket.socket, text: bytes) -> None:
    """Send it, whether or not the server takes all of it."""
    with suppress(OSError):
        line.sendall(text)


def test_more_headers_than_anybody_sends(hasty_server: LiveServer) -> None:
    """431 above 200 headers, however small they are."""
    for count, status in ((190, b"200"), (201, b"431")):
        with connect(hasty_server) as line:
            line.sendall(OPENING.replace(b"POST", b"GET") + b"a: b\r\n" * count + b"Connection: close\r\n\r\n")
            assert line.recv(65536).split()[1] == status


def test_the_rest_of_an_answered_body_does_not_hold_the_connection() -> None:
    """An answer that did not wait for its body: a byte now and then keeps nothing open."""
    with serving(ImpatientProtocol) as server, connect(server) as line:
        line.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        sent = 0
        try:
            while sent < 200:
                line.sendall(b"x")
                sent += 1
                time.sleep(0.05)
        except OSError:
            pass
        assert sent < 200


def test_the_rest_of_an_answered_body_may_come_in_time() -> None:
    """The connection is good for the next request, longer than the rest had time to come."""
    with serving(ImpatientProtocol) as server, connect(server) as line:
        line.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        line.sendall(b"hello")
        time.sleep(0.4)
        line.sendall(b"POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        assert line.recv(65536).endswith(b"1")


def test_more_connections_than_the_process_takes(caplog: pytest.LogCaptureFixture) -> None:
    """503 with Retry-After in the error shape for one too many, one line in the log, and room again afterwards."""
    GuardedHttpProtocol.warned_at = -1e9
    with serving(NarrowProtocol) as server:
        lines = [connect(server) for _ in range(3)]
        for line in lines:
            line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
        for _ in range(2):
            with connect(server) as refused:
                status, headers, body = read_answer(refused)
            assert (status, json.loads(body)["error"]["code"]) == (503, "server_busy")
            assert headers["retry-after"] == "5" and headers["connection"] == "close"
        for line in lines:
            line.close()

        def is_served() -> bool:
            with connect(server) as line:
                line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
                return line.recv(65536).startswith(b"HTTP/1.1 200")

        wait_for(is_served, "room")
        wait_for(lambda: GuardedHttpProtocol.refused_count == 0, "the end of those refused")
    assert len([record for record in caplog.records if "connections are open" in record.getMessage()]) == 1


def test_a_flood_of_connections_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection holds a descriptor until it has read the answer, so their number is limited."""
    monkeypatch.setattr(NarrowProtocol, "linger_seconds", 20)
    monkeypatch.setattr(NarrowProtocol, "most_refused", 2)
    with serving(NarrowProtocol) as server:
        lines = [connect(server) for _ in range(5)]
        assert [bool(line.recv(65536)) for line in lines[3:]] == [True, True]
        with connect(server) as flood:
            assert is_closed(flood)
        for line in lines:
            line.close()


@pytest.mark.parametrize(
    ("soft", "limit"), [(256, 128), (1024, 704), (20_000, 8192), (64, 16), (resource.RLIM_INFINITY, 8192)]
)
def test_the_limit_follows_the_descriptors(soft: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room is left for the database and for Microsoft."""
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (soft, soft))
    assert connection_limit() == limit


@pytest.mark.parametrize("path", ["/stream", "/late"])
def test_http_1_0_gets_no_chunks(hasty_server: LiveServer, path: str) -> None:
    """A body without a length ends with the connection; one with a length has it. HTTP/1.1 has chunks as ever."""
    request = b"POST %s HTTP/1.%d\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
    for version in (0, 1):
        with connect(hasty_server) as line:
            line.sendall(request % (path.encode(), version))
            status, headers, body = read_answer(line)
        assert status == 200
        assert headers["connection"] == "close"
        is_chunked = path == "/stream" and version == 1
        assert (headers.get("transfer-encoding") == "chunked") == is_chunked
        if path == "/late":
            assert body == b"1"
        else:
            assert body == (b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n" if is_chunked else b"firstsecond")


def test_http_1_0_asks_for_a_head(hasty_server: LiveServer) -> None:
    """Without a body."""
    with connect(hasty_server) as line:
        line.sendall(b"HEAD /stream HTTP/1.0\r\nHost: x\r\n\r\n")
        status, headers, body = read_answer(line)
    assert (status, body) == (200, b"") and "transfer-encoding" not in headers
