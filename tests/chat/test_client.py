"""The one loop around every dialect's socket: its timers, its ways of ending, and that no socket is left."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection

from bingproject.errors import UnexpectedResponseError, UpstreamTimeoutError
from chat import client
from chat.protocol import copilot
from chat.protocol.events import Finished, Prompt, TextDelta
from tests.chat.peers import SHORT, Lines, answer, hold, peer


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
