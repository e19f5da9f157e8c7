"""What a socket's script is made of: texts, pauses, ends; and ways to cut the texts into messages and frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import cycle

PINGS_A_SECOND = 10
SPLITS = (1, 2, 3, 5, 8, 13, 21, 34, 55)


class End(Enum):
    """A socket that is cut, or stays open and says nothing more, or nothing but pings; or all is said but a type 3."""

    CUT = "cut"
    SAID = "said"
    SILENCE = "silence"
    PINGS = "pings"


@dataclass(frozen=True)
class Close:
    """The socket is closed with a code."""

    code: int


@dataclass(frozen=True)
class Fragments:
    """One text message in several frames, cut anywhere, also within a character."""

    parts: tuple[bytes, ...]


@dataclass(frozen=True)
class Echo:
    """A ping that has to come back within so many seconds, else the line is cut."""

    seconds: float


# A text is sent as one message; a number is a pause in seconds.
Step = str | float | Fragments | Close | Echo | End


def in_one_frame(steps: Iterator[Step]) -> Iterator[Step]:
    """Join all text; pauses are left out, an end comes after what was said."""
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
    """Cut the stream of records into messages that know nothing of where a record ends."""
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
    """Send each message in frames that cut its first and last long characters in two."""
    for step in steps:
        if not isinstance(step, str):
            yield step
            continue
        content = step.encode()
        cuts = [index for index, byte in enumerate(content) if byte & 0xC0 == 0x80]
        first, last = (cuts[0], cuts[-1]) if cuts else (len(content) // 2, len(content) // 2)
        yield Fragments(tuple(part for part in (content[:first], content[first:last], content[last:]) if part))
