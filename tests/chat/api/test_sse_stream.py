"""The relay: lines as they come, the status held back, silence filled, and everything let go of wherever it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from msgspec import to_builtins

from bingproject.api.contracts import ErrorBody, ErrorDetail
from bingproject.errors import UnexpectedResponseError
from chat.api.sse_stream import EventStream, SseStream
from chat.api.turn_facts import TurnFacts
from chat.openai_format import Stream, Truncation
from chat.protocol.events import Event, Finished, HistoryDropped, Prompt, Refused, Searching, ServedBy, TextDelta

LONG = 60.0
END = Finished("a b", "a b", retire=False, skipped=0)
FAILURE = UnexpectedResponseError(code="upstream_interrupted")
ERROR = ErrorBody(ErrorDetail("It broke off.", "api_error", None, "upstream_interrupted"))
BODY = to_builtins(ERROR)


class Source:
    """Events with what may stand between them: a pause until `go`, or a failure."""

    def __init__(self, *steps: Event | Exception | None) -> None:
        self.go = asyncio.Event()
        self.is_closed = False
        self._steps = steps

    async def events(self) -> AsyncGenerator[Event, None]:
        """What was given, in its order; None waits."""
        try:
            for step in self._steps:
                if step is None:
                    await self.go.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            await asyncio.sleep(0)
            self.is_closed = True


def relay_of(
    source: Source, *, quiet_seconds: float = LONG, truncation: Truncation | None = None, stall_seconds: float = LONG
) -> SseStream:
    """A relay of these events."""
    stream = Stream("chatcmpl-1", 1, "precise", prompt=Prompt("", (), "x"), truncation=truncation)
    return SseStream(
        source.events(), stream, lambda _failure: ERROR, quiet_seconds=quiet_seconds, stall_seconds=stall_seconds
    )


def chunks(content: bytes) -> list[Any]:
    """The chunks of a stream; its last word as text."""
    lines = [line.removeprefix("data: ") for line in content.decode().split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def deltas(content: bytes) -> Sequence[Any]:
    """What each chunk adds."""
    return [chunk if chunk == "[DONE]" else chunk["choices"][0]["delta"] for chunk in chunks(content)]


async def read(relay: SseStream) -> bytes:
    """All of it."""
    return b"".join([lines async for lines in relay.lines()])


async def test_an_answer_goes_through() -> None:
    """The role, the text, the end; in this order."""
    source = Source(ServedBy("m365"), HistoryDropped(3), Searching("a"), TextDelta("a "), TextDelta("b"), END)
    relay = relay_of(source)
    await relay.begin(LONG)
    assert relay.facts == TurnFacts(ServedBy("m365"), 3)
    role = {"role": "assistant", "content": ""}
    assert deltas(await read(relay)) == [role, {"content": "a "}, {"content": "b"}, {}, "[DONE]"]
    assert source.is_closed


async def test_each_line_goes_out_when_it_comes() -> None:
    """Nothing waits for the end."""
    source = Source(TextDelta("a "), None, TextDelta("b"), END)
    relay = relay_of(source)
    await relay.begin(LONG)
    lines = relay.lines()
    assert deltas(await anext(lines))[-1] == {"content": "a "}
    source.go.set()
    assert deltas(await anext(lines))[0] == {"content": "b"}
    await lines.aclose()


async def test_the_end_goes_out_only_when_all_is_closed() -> None:
    """Whoever reads the last line may ask the next question at once."""
    source = Source(TextDelta("a b"), END)
    relay = relay_of(source)
    await relay.begin(LONG)
    async for lines in relay.lines():
        if b"[DONE]" in lines:
            assert source.is_closed


async def test_a_failure_before_the_first_text_decides_the_status() -> None:
    """It is raised; a search before it is no text."""
    source = Source(Searching("a"), FAILURE)
    with pytest.raises(UnexpectedResponseError):
        await relay_of(source).begin(LONG)
    assert source.is_closed


async def test_a_refusal_decides_the_status_too() -> None:
    """It is an answer."""
    refused = Finished("No.", "No.", retire=True, skipped=0)
    relay = relay_of(Source(Refused("No.", "apology", after_text=False), None, refused))
    await relay.begin(LONG)
    await relay.aclose()


@pytest.mark.parametrize("gap", [(), (None,)])
async def test_a_failure_after_the_text_is_the_last_line(gap: tuple[None, ...]) -> None:
    """However soon it follows, the status is 200, and no sign of a good end comes."""
    source = Source(TextDelta("a "), *gap, FAILURE)
    relay = relay_of(source)
    await relay.begin(LONG)
    source.go.set()
    content = await read(relay)
    assert chunks(content)[-1] == BODY
    assert b"[DONE]" not in content
    assert source.is_closed


async def test_the_status_is_not_held_back_for_ever() -> None:
    """Then it is 200, and what fails later is an error line."""
    source = Source(None, FAILURE)
    relay = relay_of(source)
    await relay.begin(0.01)
    source.go.set()
    assert chunks(await read(relay))[1:] == [BODY]


async def test_silence_is_filled() -> None:
    """Each time by a chunk that says nothing, with a choice for clients that look there."""
    source = Source(None, TextDelta("a b"), END)
    relay = relay_of(source, quiet_seconds=0.01)
    await relay.begin(0.01)
    lines = relay.lines()
    seen = [deltas(await anext(lines)) for _ in range(3)]
    assert seen[1:] == [[{}], [{}]]
    source.go.set()
    assert deltas(b"".join([more async for more in lines]))[-3:] == [{"content": "a b"}, {}, "[DONE]"]
    assert source.is_closed


async def test_a_reader_who_is_slow_gets_no_more_of_it() -> None:
    """While something waits to be read nothing is added."""
    source = Source(None)
    relay = relay_of(source, quiet_seconds=0.01)
    await relay.begin(0.01)
    lines = relay.lines()
    await anext(lines)
    await asyncio.sleep(0.1)
    assert deltas(await anext(lines)) == [{}]
    await lines.aclose()


async def test_the_cut_closes_the_source() -> None:
    """What would follow is not waited for."""
    source = Source(TextDelta("a b STOP c"), None)
    relay = relay_of(source, truncation=Truncation(("STOP",), None))
    await relay.begin(LONG)
    assert deltas(await read(relay))[1:] == [{"content": "a b "}, {}, "[DONE]"]
    assert source.is_closed


# --- leaving ----------------------------------------------------------------------------------------------------------


async def test_leaving_before_the_first_text() -> None:
    """The wait is cancelled; everything is closed before the cancellation goes on."""
    source = Source(Searching("a"), None)
    waiting = asyncio.ensure_future(relay_of(source).begin(LONG))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert source.is_closed


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_leaving_between_two_lines(steps: int) -> None:
    """Wherever the reader stops."""
    source = Source(TextDelta("a "), None, TextDelta("b"), None, END)
    relay = relay_of(source, quiet_seconds=0.01)
    await relay.begin(LONG)
    lines = relay.lines()
    for _ in range(steps):
        await anext(lines)
    await lines.aclose()
    assert source.is_closed


async def test_leaving_while_nothing_comes() -> None:
    """The reader is cancelled amid the wait for the next line."""
    source = Source(TextDelta("a "), None)
    relay = relay_of(source)
    await relay.begin(LONG)
    reading = asyncio.ensure_future(read(relay))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert source.is_closed


async def test_leaving_before_the_response_was_read() -> None:
    """Whoever drops the response closes it, though its lines were never begun."""
    source = Source(TextDelta("a "), None)
    relay = relay_of(source)
    await relay.begin(LONG)
    await EventStream(relay).aclose()
    assert source.is_closed


async def test_the_response_is_one_that_no_proxy_keeps_back() -> None:
    """Its type and headers; its chunks are the relay's own."""
    relay = relay_of(Source(TextDelta("a b"), END))
    await relay.begin(LONG)
    response = EventStream(relay)
    assert response.headers == {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
    }
    assert b"".join([lines async for lines in response]).endswith(b"data: [DONE]\n\n")


async def closed(source: Source) -> None:
    """Wait until a source is closed."""
    for _ in range(1000):
        if source.is_closed:
            return
        await asyncio.sleep(0.01)
    pytest.fail("it was not closed")


async def test_a_caller_who_takes_nothing_is_given_up() -> None:
    """The source is closed though nobody asks for the next line; who reads on after all gets an error line."""
    source = Source(TextDelta("a "), None, TextDelta("b"), END)
    relay = relay_of(source, quiet_seconds=0.02, stall_seconds=0.05)
    await relay.begin(LONG)
    lines = relay.lines()
    await anext(lines)
    await closed(source)
    assert [chunk for chunk in chunks(b"".join([line async for line in lines])) if "error" in chunk] == [BODY]


async def test_a_caller_who_takes_all_is_not_given_up() -> None:
    """However long the source says nothing; an empty chunk comes in between."""
    source = Source(TextDelta("a "), None, TextDelta("b"), END)
    relay = relay_of(source, quiet_seconds=0.05, stall_seconds=0.5)
    await relay.begin(LONG)
    lines = relay.lines()
    await anext(lines)
    for _ in range(15):
        assert deltas(await anext(lines)) == [{}]
    source.go.set()
    assert deltas(b"".join([line async for line in lines]))[-1] == "[DONE]"


async def test_an_answer_that_has_ended_waits_for_its_reader() -> None:
    """Its turn holds nothing any more."""
    source = Source(TextDelta("a "), END)
    relay = relay_of(source, quiet_seconds=0.01, stall_seconds=0.02)
    await relay.begin(LONG)
    lines = relay.lines()
    first = await anext(lines)
    await asyncio.sleep(0.1)
    assert deltas(first + b"".join([line async for line in lines]))[-1] == "[DONE]"
