"""Tiny servers on loopback that say exactly what a test tells them: the absurd, which no sandbox would."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from bingproject.errors import UpstreamUnavailableError
from bingproject.upstream.http_client import ConnectionPool, exchange
from tests.rig.servers import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 2\r\n\r\nok"
# What `forwarding` wants in Proxy-Authorization: the name and the password `pass word`.
CREDENTIALS = {"anna": "Basic YW5uYTpwYXNzIHdvcmQ=", "bert": "Basic YmVydDpwYXNzIHdvcmQ="}


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def cookies(self) -> dict[str, str]:
        """Its cookies by name."""
        pairs = [part.partition("=") for part in self.headers.get("cookie", "").split("; ") if part]
        return {name: value for name, _, value in pairs}


@dataclass
class Server:
    """A server that remembers what it saw."""

    port: int
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """By name: bare addresses would hide a shared cookie jar."""
        return f"http://localhost:{self.port}"


Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Answering = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(connected: Connected, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A free loopback port whose every connection `connected` serves; all of them end with the block."""
    writers: set[asyncio.StreamWriter] = set()
    ended: set[asyncio.Future[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ended.add(end)
        try:
            await connected(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            writer.close()
            end.set_result(None)

    # Not a port of the system's choice: where `localhost` means ::1 first and nothing listens there, the port that a
    # client is given may be the very same, and TCP then connects it to itself.
    server = await asyncio.start_server(serve, "127.0.0.1", free_port(), ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*ended)


async def read_request(reader: asyncio.StreamReader) -> Seen:
    """The next request. Raises: IncompleteReadError when the client has gone."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Seen(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def serving(answering: Answering) -> AsyncIterator[Server]:
    """An HTTP server whose every request `answering` answers."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        while not writer.is_closing():
            seen = await read_request(reader)
            server.seen.append(seen)
            await answering(seen, writer)

    async with listening(connected) as port:
        server = Server(port)
        yield server


async def answer_ok(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """200 to everything."""
    writer.write(OK)
    await writer.drain()


def answering_with(raw: bytes, *, cut: bool = False) -> Answering:
    """The same bytes to everything; with `cut` the connection is closed after them."""

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        if cut:
            writer.close()

    return answer


async def closed_port() -> int:
    """A port where nobody listens."""
    async with serving(answer_ok) as server:
        return server.port


@asynccontextmanager
async def forwarding(name: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy, forwarding and CONNECT, for the credentials of `name`; its address and the request lines it took."""
    taken: list[str] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = await read_request(reader)
        if seen.headers.get("proxy-authorization") != CREDENTIALS[name]:
            writer.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
            return
        taken.append(f"{seen.method} {seen.target}")
        parts = urlsplit(f"//{seen.target}" if seen.method == "CONNECT" else seen.target)
        from_server, to_server = await asyncio.open_connection(parts.hostname, parts.port)
        if seen.method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Go\r\n\r\n")
        else:
            head = f"{seen.method} {parts.path or '/'} HTTP/1.1\r\nhost: {parts.netloc}\r\nvia: {name}\r\n"
            head += f"cookie: {seen.headers.get('cookie', '')}\r\ncontent-length: {len(seen.body)}\r\n\r\n"
            to_server.write(head.encode() + seen.body)
        await asyncio.gather(pipe(from_server, writer), pipe(reader, to_server), return_exceptions=True)
        to_server.close()

    async with listening(connected) as port:
        yield f"http://{name}:pass%20word@localhost:{port}", taken


async def fail(
    door: ConnectionPool, url: str, method: str = "POST", *, proxy: str = "", seconds: float = 0.5
) -> UpstreamUnavailableError:
    """The error of one exchange that must fail; nothing of the address may be in its texts."""
    client = door.client({"_U": "secret"}, proxy=proxy)
    with pytest.raises(UpstreamUnavailableError) as caught:
        await exchange(client, method, f"{url}/images/create?q=prompt", content="q=prompt", timeout_seconds=seconds)
    shown = caught.value.message + caught.value.detail
    assert "prompt" not in shown and "localhost" not in shown and "127.0.0.1" not in shown and "://" not in shown
    assert caught.value.code == "upstream_unreachable"
    return caught.value
