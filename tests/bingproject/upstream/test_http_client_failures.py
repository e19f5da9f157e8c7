"""What a failure says about sending: money depends on telling "never sent" from "nobody knows"."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from bingproject.errors import UpstreamUnavailableError
from bingproject.upstream.http_client import ConnectionPool, NotSentError, OutcomeUnknownError, exchange
from tests.loopback import OK, Seen, answer_ok, answering_with, closed_port, fail, listening, read_request, serving


@pytest.fixture
async def pool() -> AsyncIterator[ConnectionPool]:
    """A pool that is closed at the end."""
    async with ConnectionPool() as found:
        yield found


async def test_a_refused_connection_was_not_sent(pool: ConnectionPool) -> None:
    """Nobody listens: nothing can have arrived."""
    error = await fail(pool, f"http://localhost:{await closed_port()}")
    assert isinstance(error, NotSentError)
    assert error.detail.endswith(": Connection refused")


async def test_an_unknown_host_was_not_sent(pool: ConnectionPool) -> None:
    """No address, no request."""
    assert isinstance(await fail(pool, "http://no-such-host.invalid"), NotSentError)


async def test_a_failed_tls_handshake_was_not_sent(pool: ConnectionPool) -> None:
    """The server speaks no TLS: the request stays here."""
    async with serving(answering_with(OK, cut=True)) as server:
        error = await fail(pool, f"https://localhost:{server.port}")
    assert isinstance(error, NotSentError)
    assert server.seen == []


async def test_a_handshake_that_hangs_was_not_sent(pool: ConnectionPool) -> None:
    """The time runs out before there is a connection to send over."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as port:
        assert isinstance(await fail(pool, f"https://localhost:{port}"), NotSentError)


@pytest.mark.slow
async def test_waiting_for_a_free_connection_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """All connections are taken: the request that waits has not gone out, the one that is out is unknown."""
    monkeypatch.setattr("bingproject.upstream.http_client.CONNECTION_LIMIT", 1)
    arrived = asyncio.Event()

    async def stall(seen: Seen, writer: asyncio.StreamWriter) -> None:
        arrived.set()

    async with ConnectionPool() as pool, serving(stall) as server:
        first = asyncio.create_task(fail(pool, server.url, seconds=2))
        await arrived.wait()
        assert isinstance(await fail(pool, server.url, seconds=0.2), NotSentError)
        assert isinstance(await first, OutcomeUnknownError)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"not http at all\r\n\r\n",
    ],
    ids=["nothing", "cut head", "cut body", "cut chunk", "bad chunk", "bad gzip", "no http"],
)
async def test_an_answer_that_breaks_leaves_the_outcome_unknown(pool: ConnectionPool, raw: bytes) -> None:
    """The request arrived once and what became of it cannot be read; it is not sent again."""
    async with serving(answering_with(raw, cut=True)) as server:
        assert isinstance(await fail(pool, server.url), OutcomeUnknownError)
    assert len(server.seen) == 1


async def test_a_reset_after_sending_leaves_the_outcome_unknown(pool: ConnectionPool) -> None:
    """The server resets the connection once it has the request."""

    async def reset(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with serving(reset) as server:
        assert isinstance(await fail(pool, server.url), OutcomeUnknownError)
    assert len(server.seen) == 1


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf"])
async def test_silence_leaves_the_outcome_unknown(pool: ConnectionPool, raw: bytes) -> None:
    """The time of the whole exchange runs out, before or in the answer."""
    async with serving(answering_with(raw)) as server:
        assert isinstance(await fail(pool, server.url), OutcomeUnknownError)
    assert len(server.seen) == 1


async def test_an_answer_that_drips_is_bounded_by_the_whole_time(pool: ConnectionPool) -> None:
    """A byte now and then resets no clock."""

    async def drip(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in range(500):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving(drip) as server:
        assert isinstance(await fail(pool, server.url), OutcomeUnknownError)


async def test_what_costs_money_never_goes_over_a_kept_connection(pool: ConnectionPool) -> None:
    """A kept connection may be dead without our knowing; a POST gets its own, and a dead one is not mistaken for it."""
    async with serving(answer_ok) as server:
        client = pool.client({})
        for _ in range(3):
            await exchange(client, "GET", server.url)
        assert server.connections == 1
        for _ in range(3):
            await exchange(client, "POST", server.url, content="q=x")
        assert server.connections == 4


async def test_a_connection_that_closes_on_the_request_costs_one_post_only(pool: ConnectionPool) -> None:
    """The library repeats a GET over a stale connection by itself; a POST it must send once."""
    count = 0

    async def die_second_time(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count == 2:
            writer.transport.abort()
        else:
            writer.write(OK)

    async with serving(die_second_time) as server:
        client = pool.client({})
        await exchange(client, "GET", server.url)
        assert (await exchange(client, "GET", server.url)).status == 200
        assert [seen.method for seen in server.seen] == ["GET", "GET", "GET"]
        count = 1
        assert isinstance(await fail(pool, server.url), OutcomeUnknownError)
        assert [seen.method for seen in server.seen].count("POST") == 1


def _leaves(cls: type[BaseException]) -> Iterator[type[BaseException]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _leaves(child)


HTTPX_ERRORS = sorted(
    {
        cls
        for root in (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)
        for cls in _leaves(root)
        if cls.__module__.startswith("httpx")
    },
    key=lambda cls: cls.__name__,
)
NOT_SENT = {
    "ConnectError", "ConnectTimeout", "InvalidURL", "LocalProtocolError", "PoolTimeout", "ProxyError",
    "UnsupportedProtocol",
}  # fmt: skip


@pytest.mark.parametrize("cls", HTTPX_ERRORS, ids=lambda cls: cls.__name__)
async def test_every_httpx_error_is_translated(cls: type[Exception]) -> None:
    """Each library error is translated, and only those of connecting say that nothing was sent."""

    def make() -> Exception:
        text = "https://www.bing.com/images/create?q=prompt"
        if issubclass(cls, httpx.HTTPStatusError):
            return cls(text, request=httpx.Request("GET", text), response=httpx.Response(500))
        if cls in (httpx.StreamConsumed, httpx.StreamClosed, httpx.ResponseNotRead, httpx.RequestNotRead):
            return cls()
        return cls(text)

    def raising(request: httpx.Request) -> httpx.Response:
        raise make()

    async with httpx.AsyncClient(transport=httpx.MockTransport(raising)) as client:
        with pytest.raises(UpstreamUnavailableError) as caught:
            await exchange(client, "POST", "http://localhost/")
    assert isinstance(caught.value, NotSentError if cls.__name__ in NOT_SENT else OutcomeUnknownError)
    assert cls.__name__ in caught.value.detail and "prompt" not in caught.value.detail


async def test_cancelling_an_exchange_frees_its_connection(pool: ConnectionPool) -> None:
    """A caller who stops waiting leaves nothing behind at the server."""
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def until_gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()
        gone.set()

    async with listening(until_gone) as port:
        task = asyncio.create_task(exchange(pool.client({}), "GET", f"http://localhost:{port}"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 5)
