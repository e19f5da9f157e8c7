"""The one loop around every dialect's socket: its timers, its ways of ending, and that no socket is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bingproject.errors import UnexpectedResponseError, UpstreamTimeoutError
from bingproject.upstream import NotSentError
from chat import client
from chat.protocol import copilot
from chat.protocol.events import Event, Finished, Phase, Prompt, TextDelta
from tests.loopback import closed_port, forwarding, listening

SHORT = client.Timers(opening=2.0, handshake=0.3, waiting=0.3, answering=0.3, turn=5.0)


@dataclass
class Lines:
    """The simplest of dialects: each frame is a delta, but `ping` is none, `go` is answered and `end` ends."""

    finished: bool = False
    phase: Phase = "handshake"
    progress: int = 0
    has_text: bool = False
    codes: list[int] = field(default_factory=list)
    text: str = ""
    _outbox: list[str] = field(default_factory=list)

    def start(self) -> list[str]:
        """A greeting."""
        return ["hello"]

    def to_send(self) -> list[str]:
        """What is to be sent."""
        sent, self._outbox = self._outbox, []
        return sent

    def keepalive(self) -> list[str]:
        """A ping."""
        return ["ping"]

    def receive(self, frame: str | bytes) -> list[Event]:
        """A line."""
        line = frame if isinstance(frame, str) else frame.decode()
        if line == "ping":
            return []
        self.progress += 1
        if line == "go":
            self.phase = "waiting"
            self._outbox = ["question"]
            return []
        self.phase = "answering"
        if line == "end":
            self.finished = True
            return [Finished(self.text, self.text, False)]
        self.text += line
        return [TextDelta(line)]

    def closed(self, code: int) -> list[Event]:
        """Gone too early."""
        self.codes.append(code)
        raise UnexpectedResponseError(detail=f"closed {code} while {self.phase}")

    def timed_out(self) -> list[Event]:
        """Too quiet."""
        raise UpstreamTimeoutError(detail=f"silent while {self.phase}")


class Peer:
    """A server that does what a test says, and knows how its sockets ended."""

    def __init__(self, play: Callable[[ServerConnection], Awaitable[None]]) -> None:
        self._play = play
        self.open = 0
        self.headers: dict[str, str] = {}
        self.closed = asyncio.Event()
        self.url = ""

    async def handle(self, socket: ServerConnection) -> None:
        """One socket."""
        self.open += 1
        self.headers = (
            {name.lower(): value for name, value in socket.request.headers.raw_items()} if socket.request else {}
        )
        try:
            await self._play(socket)
        except ConnectionClosed:
            return
        finally:
            await socket.wait_closed()
            self.open -= 1
            self.closed.set()


@asynccontextmanager
async def peer(play: Callable[[ServerConnection], Awaitable[None]], **options: Any) -> AsyncIterator[Peer]:
    """The server on a free port."""
    one = Peer(play)
    async with serve(one.handle, "127.0.0.1", 0, **options) as server:
        one.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        yield one


async def answer(socket: ServerConnection) -> None:
    """Greets, waits for the question, answers in two pieces."""
    assert await socket.recv() == "hello"
    await socket.send("go")
    assert await socket.recv() == "question"
    for line in ("one ", "two", "end"):
        await socket.send(line)


async def hold(url: str, dialect: Lines, timers: client.Timers = SHORT, **fields: Any) -> list[Event]:
    """A whole turn."""
    address = client.Address(url, fields.pop("headers", {}), **fields)
    return [event async for event in client.stream(address, dialect, timers)]


def test_each_phase_has_its_timer() -> None:
    """What may still come behind a complete answer is waited for a second, unless said otherwise."""
    timers = client.Timers(1.0, 2.0, 3.0, 4.0, turn=5.0)
    phases = ("handshake", "waiting", "answering", "lingering", "finished")
    assert [timers.of(phase) for phase in phases] == [2.0, 3.0, 4.0, 1.0, 4.0]


async def test_a_turn_from_opening_to_closing() -> None:
    """Events in order; the socket is closed when they have ended, and headers were sent as given."""
    async with peer(answer) as server:
        events = await hold(server.url, Lines(), headers={"Origin": "https://a.example"}, user_agent="Mine/1.0")
        assert events == [TextDelta("one "), TextDelta("two"), Finished("one two", "one two", False)]
        await asyncio.wait_for(server.closed.wait(), 2)
        assert (server.headers["origin"], server.headers["user-agent"]) == ("https://a.example", "Mine/1.0")
        assert "sec-websocket-extensions" not in server.headers


@pytest.mark.parametrize("lines", [[], ["go"], ["go", "text"]], ids=["handshake", "waiting", "answering"])
async def test_pings_are_no_progress(lines: list[str]) -> None:
    """However many come, the phase's timer runs out; then the socket is closed."""

    async def play(socket: ServerConnection) -> None:
        for line in lines:
            await socket.send(line)
        while True:
            await socket.send("ping")
            await asyncio.sleep(0.02)

    async with peer(play) as server:
        dialect = Lines()
        with pytest.raises(UpstreamTimeoutError) as failure:
            await hold(server.url, dialect)
        assert failure.value.detail == f"silent while {dialect.phase}"
        await asyncio.wait_for(server.closed.wait(), 2)


async def test_progress_starts_the_timer_anew() -> None:
    """Three pieces, each well within the gap, together far beyond it."""

    async def play(socket: ServerConnection) -> None:
        for line in ("go", "a", "b", "c", "end"):
            await asyncio.sleep(0.2)
            await socket.send(line)

    async with peer(play) as server:
        assert (await hold(server.url, Lines()))[-1] == Finished("abc", "abc", False)


async def test_an_answer_that_is_complete_lingers_for_what_is_still_wanted() -> None:
    """What comes behind it does not make the wait longer, and nothing at all is no failure."""

    async def play(socket: ServerConnection) -> None:
        await socket.send('{"event":"connected"}')
        for _ in range(3):
            await socket.recv()
        await socket.send('{"event":"appendText","partId":"0","text":"Hello"}')
        await socket.send('{"event":"done"}')
        while True:
            await socket.send('{"event":"titleUpdate"}')
            await asyncio.sleep(0.02)

    async with peer(play) as server:
        reply = copilot.Reply("c1", Prompt("", (), "hi"), "chat", turn=0)
        timers = client.Timers(2.0, 2.0, 2.0, 2.0, turn=5.0, lingering=0.2)
        events = [event async for event in client.stream(client.Address(server.url, {}), reply, timers)]
        assert events == [TextDelta("Hello"), Finished("Hello", "Hello", False)]
        await asyncio.wait_for(server.closed.wait(), 2)


async def test_the_whole_turn_has_its_end_whatever_comes() -> None:
    """A server that talks for ever is cut off."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        while True:
            await socket.send("x")
            await asyncio.sleep(0.02)

    async with peer(play) as server:
        with pytest.raises(UpstreamTimeoutError):
            await hold(server.url, Lines(), client.Timers(2.0, 1.0, 1.0, 1.0, turn=0.4))
        await asyncio.wait_for(server.closed.wait(), 2)


async def test_a_caller_who_reads_slowly_loses_nothing() -> None:
    """What has come meanwhile is not taken for silence."""
    async with peer(answer) as server:
        events = []
        async for event in client.stream(client.Address(server.url, {}), Lines(), SHORT):
            events.append(event)
            await asyncio.sleep(0.5)
        assert len(events) == 3


@pytest.mark.parametrize(("code", "seen"), [(1000, 1000), (1011, 1011), (0, 1006)])
async def test_how_the_server_closed_is_the_dialects_to_judge(code: int, seen: int) -> None:
    """Its code, 1006 for a line that was cut."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        await (socket.close(code) if code else cut(socket))

    async def cut(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with peer(play) as server:
        dialect = Lines()
        with pytest.raises(UnexpectedResponseError):
            await hold(server.url, dialect)
        assert dialect.codes == [seen]


async def test_frames_of_megabytes_come_through() -> None:
    """A final record with search results is far above the library's usual limit; one beyond ours ends the turn."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        await socket.send("x" * int(await socket.recv() and 6_000_000))
        await socket.send("x" * (client.MAX_FRAME_BYTES + 1))

    async with peer(play) as server:
        dialect = Lines()
        patient = client.Timers(opening=10.0, handshake=10.0, waiting=10.0, answering=10.0, turn=30.0)
        with pytest.raises(UnexpectedResponseError):
            await hold(server.url, dialect, patient)
        assert len(dialect.text) == 6_000_000


async def test_a_message_in_pieces_is_one() -> None:
    """However the server cuts it, an empty piece among them; what comes after it is the next."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        await socket.send(["o", "", "ne "])
        await socket.send("two")
        await socket.send(["e", "nd"])

    async with peer(play) as server:
        assert await hold(server.url, Lines()) == [
            TextDelta("one "),
            TextDelta("two"),
            Finished("one two", "one two", False),
        ]


async def test_who_does_not_read_is_not_sent_to() -> None:
    """Frames beyond a few wait at the server, and go on in their order when they are read."""
    sent = 0

    async def play(socket: ServerConnection) -> None:
        nonlocal sent
        await socket.send("go")
        for number in range(200):
            await socket.send(f"{number}:" + "x" * 100_000)
            sent += 1
        await socket.send("end")

    async with peer(play) as server:
        numbers: list[str] = []
        async for event in client.stream(client.Address(server.url, {}), Lines(), SHORT):
            if not numbers:
                await asyncio.sleep(0.3)
                assert sent < 200
            numbers.append(event.text.partition(":")[0] if isinstance(event, TextDelta) else "end")
        assert numbers == [*map(str, range(200)), "end"]


async def test_a_failure_behind_a_text_comes_after_it() -> None:
    """Both stand in one frame: the caller gets the text first."""

    class Failing(Lines):
        def to_send(self) -> list[str]:
            if self.text:
                raise UnexpectedResponseError(detail="behind the text")
            return super().to_send()

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        await socket.send("text")

    async with peer(play) as server:
        events = []
        with pytest.raises(UnexpectedResponseError):
            async for event in client.stream(client.Address(server.url, {}), Failing(), SHORT):
                events.append(event)  # what came before the failure counts
        assert events == [TextDelta("text")]


def refuse(status: HTTPStatus, **headers: str) -> Callable[[ServerConnection, Request], Response]:
    """A server that answers the upgrade with a plain answer."""

    def respond(socket: ServerConnection, request: Request) -> Response:
        response = socket.respond(status, "no")
        for name, value in headers.items():
            response.headers[name.replace("_", "-")] = value
        return response

    return respond


@pytest.mark.parametrize("status", [HTTPStatus.OK, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_GATEWAY])
async def test_a_refused_upgrade_says_how(status: HTTPStatus) -> None:
    """Status and headers, names in small letters."""
    async with peer(answer, process_request=refuse(status, Retry_After="7")) as server:
        with pytest.raises(client.UpgradeRefusedError) as refusal:
            await hold(server.url, Lines())
        assert (refusal.value.status, refusal.value.headers["retry-after"]) == (status, "7")


async def test_no_redirect_is_followed() -> None:
    """Where an account's cookies go is not for an answer to say."""
    async with (
        peer(answer) as other,
        peer(answer, process_request=refuse(HTTPStatus.FOUND, Location=other.url)) as server,
    ):
        with pytest.raises(client.UpgradeRefusedError) as refusal:
            await hold(server.url, Lines(), headers={"Cookie": "_U=secret"})
        assert refusal.value.status == 302
        assert other.headers == {}


@pytest.mark.parametrize("kind", ["closed", "name", "address", "proxy", "proxy-form"])
async def test_what_cannot_be_reached_was_not_sent(kind: str) -> None:
    """Port, name, address or proxy: the failure names neither of them."""
    port = await closed_port()
    url = {"name": "ws://nowhere.invalid/", "address": "http://127.0.0.1/"}.get(kind, f"ws://127.0.0.1:{port}/")
    proxy = {"proxy": f"http://user:secret@127.0.0.1:{port}", "proxy-form": "ftp://127.0.0.1"}.get(kind, "")
    with pytest.raises(NotSentError) as failure:
        await hold(url, Lines(), proxy=proxy)
    assert "127.0.0.1" not in failure.value.detail
    assert "secret" not in failure.value.detail


async def test_an_upgrade_that_never_comes_is_given_up() -> None:
    """After the time for opening; nothing stays open."""
    gone = asyncio.Event()

    async def ignore(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            continue
        gone.set()

    async with listening(ignore) as port:
        with pytest.raises(NotSentError):
            await hold(f"ws://127.0.0.1:{port}/", Lines(), client.Timers(0.2, 1.0, 1.0, 1.0, 5.0))
        await asyncio.wait_for(gone.wait(), 2)


async def test_the_proxy_of_the_account_is_the_way_out() -> None:
    """The socket goes through its tunnel, with its name and password, and nowhere else."""
    async with peer(answer) as server, forwarding("anna") as (proxy, taken):
        events = await hold(server.url, Lines(), proxy=proxy)
        assert events[-1] == Finished("one two", "one two", False)
        assert taken == [f"CONNECT {server.url[5:-1]}"]
    async with peer(answer) as server, forwarding("anna") as (proxy, taken):
        with pytest.raises(NotSentError):
            await hold(server.url, Lines(), proxy=proxy.replace("anna", "bert"))
        assert (taken, server.headers) == ([], {})


async def test_whoever_stops_reading_closes_the_socket_at_once() -> None:
    """In the middle of an answer; within two seconds also when the server does not answer the closing."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        await socket.send("text")
        socket.transport.pause_reading()  # it will never see that it is asked to close
        await asyncio.sleep(0.1)
        stopped.set()

    stopped = asyncio.Event()
    async with peer(play) as server:
        events = client.stream(client.Address(server.url, {}), Lines(), SHORT)
        assert await anext(events) == TextDelta("text")
        await stopped.wait()
        async with asyncio.timeout(2):
            await events.aclose()


@pytest.mark.parametrize("step", range(0, 120, 6))
async def test_a_cancelled_turn_leaves_no_socket(step: int) -> None:
    """Whenever it is cancelled: while it opens, greets, waits, reads or closes."""

    async def play(socket: ServerConnection) -> None:
        await socket.recv()
        await asyncio.sleep(0.01)
        await socket.send("go")
        for line in ["x"] * 5 + ["end"]:
            await asyncio.sleep(0.01)
            await socket.send(line)

    async with peer(play) as server:
        turn = asyncio.create_task(hold(server.url, Lines()))
        await asyncio.sleep(step / 1000)
        turn.cancel()
        await asyncio.wait({turn}, timeout=2)
        assert turn.done()
        async with asyncio.timeout(2):
            while server.open:
                await server.closed.wait()
                server.closed.clear()
