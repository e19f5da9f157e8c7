"""A socket that is refused, unreachable or abandoned leaves nothing open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from bingproject.upstream.http_client import NotSentError
from chat import client
from chat.protocol.events import Finished, TextDelta
from tests.chat.peers import SHORT, LineDialect, answer, peer, run_turn
from tests.loopback import closed_port, forwarding, listening


def refuse(status: HTTPStatus, **headers: str) -> Callable[[ServerConnection, Request], Response]:
    """Return a handler that answers the upgrade with an HTTP response."""

    def respond(socket: ServerConnection, request: Request) -> Response:
        response = socket.respond(status, "no")
        for name, value in headers.items():
            response.headers[name.replace("_", "-")] = value
        return response

    return respond


@pytest.mark.parametrize("status", [HTTPStatus.OK, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_GATEWAY])
async def test_a_refused_upgrade_has_the_response(status: HTTPStatus) -> None:
    """Its status, headers in lower case, and body."""
    async with peer(answer, process_request=refuse(status, Retry_After="7")) as server:
        with pytest.raises(client.UpgradeRefusedError) as refusal:
            await run_turn(server.url, LineDialect())
        assert (refusal.value.status, refusal.value.headers["retry-after"]) == (status, "7")
        assert refusal.value.body == "no"


async def test_no_redirect_is_followed() -> None:
    """A response must not decide where an account's cookies are sent."""
    async with (
        peer(answer) as other,
        peer(answer, process_request=refuse(HTTPStatus.FOUND, Location=other.url)) as server,
    ):
        with pytest.raises(client.UpgradeRefusedError) as refusal:
            await run_turn(server.url, LineDialect(), headers={"Cookie": "_U=secret"})
        assert refusal.value.status == 302
        assert other.headers == {}


@pytest.mark.parametrize("kind", ["closed", "name", "address", "proxy", "proxy-form"])
async def test_an_unreachable_server_was_sent_nothing(kind: str) -> None:
    """The error names neither port, name, address nor proxy."""
    port = await closed_port()
    url = {"name": "ws://nowhere.invalid/", "address": "http://127.0.0.1/"}.get(kind, f"ws://127.0.0.1:{port}/")
    proxy = {"proxy": f"http://user:secret@127.0.0.1:{port}", "proxy-form": "ftp://127.0.0.1"}.get(kind, "")
    with pytest.raises(NotSentError) as failure:
        await run_turn(url, LineDialect(), proxy=proxy)
    assert "127.0.0.1" not in failure.value.detail
    assert "secret" not in failure.value.detail


async def test_an_upgrade_has_a_time_limit() -> None:
    """Nothing stays open after it."""
    gone = asyncio.Event()

    async def ignore(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            continue
        gone.set()

    async with listening(ignore) as port:
        with pytest.raises(NotSentError):
            await run_turn(f"ws://127.0.0.1:{port}/", LineDialect(), client.Timers(0.2, 1.0, 1.0, 1.0, 5.0))
        await asyncio.wait_for(gone.wait(), 2)


async def test_the_accounts_proxy_is_used() -> None:
    """The socket uses its tunnel with name and password, and no other way."""
    async with peer(answer) as server, forwarding("anna") as (proxy, taken):
        events = await run_turn(server.url, LineDialect(), proxy=proxy)
        assert events[-1] == Finished("one two", "one two", False)
        assert taken == [f"CONNECT {server.url[5:-1]}"]
    async with peer(answer) as server, forwarding("anna") as (proxy, taken):
        with pytest.raises(NotSentError):
            await run_turn(server.url, LineDialect(), proxy=proxy.replace("anna", "bert"))
        assert (taken, server.headers) == ([], {})


async def test_closing_the_generator_closes_the_socket() -> None:
    """In the middle of an answer, within two seconds even if the server does not answer the close frame."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        await socket.send("text")
        socket.transport.pause_reading()  # it will never see the close frame
        await asyncio.sleep(0.1)
        stopped.set()

    stopped = asyncio.Event()
    async with peer(play, close_timeout=0.2) as server:
        events = client.stream(client.Address(server.url, {}), LineDialect(), SHORT)
        assert await anext(events) == TextDelta("text")
        await stopped.wait()
        async with asyncio.timeout(2):
            await events.aclose()


@pytest.mark.parametrize("step", range(0, 120, 6))
async def test_a_cancelled_turn_leaves_no_socket(step: int) -> None:
    """At any moment: while it opens, greets, waits, reads or closes."""

    async def play(socket: ServerConnection) -> None:
        await socket.recv()
        await asyncio.sleep(0.01)
        await socket.send("go")
        for line in ["x"] * 5 + ["end"]:
            await asyncio.sleep(0.01)
            await socket.send(line)

    async with peer(play) as server:
        turn = asyncio.create_task(run_turn(server.url, LineDialect()))
        await asyncio.sleep(step / 1000)
        turn.cancel()
        await asyncio.wait({turn}, timeout=2)
        assert turn.done()
        async with asyncio.timeout(2):
            while server.open:
                await server.closed.wait()
                server.closed.clear()
