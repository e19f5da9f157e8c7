"""Play a turn without a socket: give it frames and collect its events."""

from __future__ import annotations

from collections.abc import Iterable

from bingproject.errors import ServiceError
from chat.protocol.events import Dialect, Event, TextDelta

Outcome = tuple[list[Event], str]


def play(turn: Dialect, frames: Iterable[str | bytes]) -> Outcome:
    """Return the events of the frames, and the code of the error that ended them, or ""."""
    events: list[Event] = []
    try:
        for frame in frames:
            events += turn.receive(frame)
            turn.to_send()
    except ServiceError as error:
        return events, error.code
    return events, ""


def texts(events: Iterable[Event]) -> list[str]:
    """Return the texts of the deltas."""
    return [event.text for event in events if isinstance(event, TextDelta)]
