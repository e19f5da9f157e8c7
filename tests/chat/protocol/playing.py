"""A turn without a socket is played: frames go in, and what came of them is told."""

from __future__ import annotations

from collections.abc import Iterable

from bingproject.errors import ServiceError
from chat.protocol.events import Dialect, Event, TextDelta

Outcome = tuple[list[Event], str]


def play(turn: Dialect, frames: Iterable[str | bytes]) -> Outcome:
    """All events of some frames, and the code of the error they end in, "" when there is none."""
    events: list[Event] = []
    try:
        for frame in frames:
            events += turn.receive(frame)
            turn.to_send()
    except ServiceError as error:
        return events, error.code
    return events, ""


def texts(events: Iterable[Event]) -> list[str]:
    """The deltas among some events."""
    return [event.text for event in events if isinstance(event, TextDelta)]
