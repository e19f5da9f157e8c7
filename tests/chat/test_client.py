"""The loop that drives every dialect's socket: its timers, the ways a turn ends, and that no socket stays open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from bingproject.errors import UnexpectedResponseError, UpstreamTimeoutError
from chat import client
from chat.protocol import copilot
from chat.protocol.events import Finished, Prompt, TextDelta
from tests.chat.peers import SHORT, LineDialect, answer, peer, run_turn


def test_each_phase_has_a_timer() -> None:
    """Suggestions after a complete answer are waited for one second by default."""
    timers = client.Timers(1.0, 2.0, 3.0, 4.0, turn=5.0)
    phases = ("handshake", "waiting", "answering", "lingering", "finished")
    assert [timers.of(phase) for phase in phases] == [2.0, 3.0, 4.0, 1.0, 4.0]


async def test_a_turn_from_opening_to_closing() -> None:
    """Events come in order; the socket closes after the last one; headers are sent as given."""
    async with peer(answer) as server:
        events = await run_turn(
            server.url, LineDialect(), headers={"Origin": "https://a.example"}, user_agent="Mine/1.0"
        )
        assert events == [TextDelta("one "), TextDelta("two"), Finished("one two", "one two", False)]
        await asyncio.wait_for(server.closed.wait(), 2)
        assert (server.headers["origin"], server.headers["user-agent"]) == ("https://a.example", "Mine/1.0")
        assert "sec-websocket-extensions" not in server.headers


@pytest.mark.parametrize("lines", [[], ["go"], ["go", "text"]], ids=["handshake", "waiting", "answering"])
async def test_pings_are_no_progress(lines: list[str]) -> None:
    """However many arrive, the phase's timer runs out; then the socket is closed."""

    async def play(socket: ServerConnection) -> None:
        for line in lines:
            await socket.send(line)
        while True:
            await socket.send("ping")
            await asyncio.sleep(0.02)

    async with peer(play) as server:
        dialect = LineDialect()
        with pytest.raises(UpstreamTimeoutError) as failure:
            await run_turn(server.url, dialect)
        assert failure.value.detail == f"silent while {dialect.phase}"
        await asyncio.wait_for(server.closed.wait(), 2)


async def test_progress_restarts_the_timer() -> None:
    """Three pieces, each well within the limit, take much longer than it."""

    async def play(socket: ServerConnection) -> None:
        for line in ("go", "a", "b", "c", "end"):
            await asyncio.sleep(0.2)
            await socket.send(line)

    async with peer(play) as server:
        assert (await run_turn(server.url, LineDialect()))[-1] == Finished("abc", "abc", False)


async def test_a_complete_answer_waits_for_suggestions() -> None:
    """Other events do not extend the wait, and silence is no failure."""

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
        dialect = copilot.CopilotTurn("c1", Prompt("", (), "hi"), "chat", turn=0)
        timers = client.Timers(2.0, 2.0, 2.0, 2.0, turn=5.0, lingering=0.2)
        events = [event async for event in client.stream(client.Address(server.url, {}), dialect, timers)]
        assert events == [TextDelta("Hello"), Finished("Hello", "Hello", False)]
        await asyncio.wait_for(server.closed.wait(), 2)


async def test_a_whole_turn_has_a_time_limit() -> None:
    """A server that never stops sending is interrupted."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        while True:
            await socket.send("x")
            await asyncio.sleep(0.02)

    async with peer(play) as server:
        with pytest.raises(UpstreamTimeoutError):
            await run_turn(server.url, LineDialect(), client.Timers(2.0, 1.0, 1.0, 1.0, turn=0.4))
        await asyncio.wait_for(server.closed.wait(), 2)


async def test_a_caller_who_reads_slowly_loses_nothing() -> None:
    """Frames that have arrived meanwhile do not count as silence."""
    async with peer(answer) as server:
        events = []
        async for event in client.stream(client.Address(server.url, {}), LineDialect(), SHORT):
            events.append(event)
            await asyncio.sleep(0.5)
        assert len(events) == 3


@pytest.mark.parametrize(("code", "seen"), [(1000, 1000), (1011, 1011), (0, 1006)])
async def test_the_dialect_gets_the_close_code(code: int, seen: int) -> None:
    """1006 stands for a connection without a close frame."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        await (socket.close(code) if code else cut(socket))

    async def cut(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with peer(play) as server:
        dialect = LineDialect()
        with pytest.raises(UnexpectedResponseError):
            await run_turn(server.url, dialect)
        assert dialect.codes == [seen]


async def test_frames_of_megabytes_are_read() -> None:
    """A final record exceeds the library's default limit; one above this project's limit ends the turn."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        await socket.send("x" * int(await socket.recv() and 6_000_000))
        await socket.send("x" * (client.MAX_FRAME_BYTES + 1))

    async with peer(play) as server:
        dialect = LineDialect()
        patient = client.Timers(opening=10.0, handshake=10.0, waiting=10.0, answering=10.0, turn=30.0)
        with pytest.raises(UnexpectedResponseError):
            await run_turn(server.url, dialect, patient)
        assert len(dialect.text) == 6_000_000


async def test_a_fragmented_frame_is_one_frame() -> None:
    """However the server splits it, with an empty fragment, too."""

    async def play(socket: ServerConnection) -> None:
        await socket.send("go")
        await socket.send(["o", "", "ne "])
        await socket.send("two")
        await socket.send(["e", "nd"])

    async with peer(play) as server:
        assert await run_turn(server.url, LineDialect()) == [
            TextDelta("one "),
            TextDelta("two"),
            Finished("one two", "one two", False),
        ]


async def test_a_slow_reader_slows_the_server() -> None:
    """Frames beyond a few wait at the server, and arrive in order when they are read."""
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
        # The pause of a busy machine between two frames is no subject of this test.
        patient = client.Timers(opening=10.0, handshake=10.0, waiting=10.0, answering=10.0, turn=60.0)
        async for event in client.stream(client.Address(server.url, {}), LineDialect(), patient):
            if not numbers:
                await asyncio.sleep(0.3)
                assert sent < 200
            numbers.append(event.text.partition(":")[0] if isinstance(event, TextDelta) else "end")
        assert numbers == [*map(str, range(200)), "end"]


async def test_a_deferred_failure_comes_after_its_text() -> None:
    """Both are in one frame: the caller gets the text first."""

    class Failing(LineDialect):
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


async def test_a_turn_that_is_left_is_stopped_at_the_service() -> None:
    """The dialect's last frames are sent before the socket is closed; a finished turn needs none."""
    for lines, farewell in ((("go", "text"), ["hello", "question", "stop"]), (("go", "end"), ["hello", "question"])):
        heard: list[str | bytes] = []

        async def play(socket: ServerConnection, lines: tuple[str, ...] = lines, heard: Any = heard) -> None:
            for line in lines:
                await socket.send(line)
            async for frame in socket:
                heard.append(frame)

        async with peer(play) as server:
            events = client.stream(client.Address(server.url, {}), LineDialect(), SHORT)
            async for _event in events:
                break
            await events.aclose()
            await asyncio.wait_for(server.closed.wait(), 2)
        assert heard == farewell
