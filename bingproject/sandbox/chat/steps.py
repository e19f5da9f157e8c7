"""The steps of a socket's script: texts, pauses, ends; and ways to split texts into messages and frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import cycle

PINGS_A_SECOND = 10
SPLITS = (1, 2, 3, 5, 8, 13, 21, 34, 55)


class End(Enum):
    """How a script ends: cut, kept open in silence or with pings only, or without the type 3."""

    CUT = "cut"
    SAID = "said"
    SILENCE = "silence"
    PINGS = "pings"


@dataclass(frozen=True)
class Close:
    """Close the socket with a code."""

    code: int


@dataclass(frozen=True)
class Fragments:
    """Send a text message in several frames, split anywhere, also within a character."""

    parts: tuple[bytes, ...]


@dataclass(frozen=True)
class Echo:
    """Send a ping; cut the connection if it does not come back within the given seconds."""

    seconds: float


# A text is sent as one message; a number is a pause in seconds.
Step = str | float | Fragments | Close | Echo | End


def in_one_frame(steps: Iterator[Step]) -> Iterator[Step]:
    """Join all text into one message, without pauses; an end comes after it."""
    texts: list[str] = []
    for step in steps:
        if isinstance(step, str):
            texts.append(step)
        elif not isinstance(step, float):
            if texts:
                yield "".join(texts)
                texts.clear()
            yield step
    if texts:
        yield "".join(texts)


def cut_anywhere(steps: Iterator[Step]) -> Iterator[Step]:
    """Split the stream of records into messages regardless of where records end."""
    sizes, rest = cycle(SPLITS), ""
    for step in steps:
        if not isinstance(step, str):
            yield from (rest, step) if rest and not isinstance(step, float) else (step,)
            rest = rest if isinstance(step, float) else ""
            continue
        rest += step
        while len(rest) > (size := next(sizes)):
            yield rest[:size]
            rest = rest[size:]
    if rest:
        yield rest


def fragmented(steps: Iterator[Step]) -> Iterator[Step]:
    """Send each message in frames that split its first and last multi-byte characters."""
    for step in steps:
        if not isinstance(step, str):
            yield step
            continue
        content = step.encode()
        cuts = [index for index, byte in enumerate(content) if byte & 0xC0 == 0x80]
        first, last = (cuts[0], cuts[-1]) if cuts else (len(content) // 2, len(content) // 2)
        yield Fragments(tuple(part for part in (content[:first], content[first:last], content[last:]) if part))
