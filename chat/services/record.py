"""What a turn's row will say, gathered while the turn runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bingproject.errors import ServiceError
from chat.protocol.events import SHOWN, Citations, Event, Sources, Suggestions


@dataclass(slots=True)
class Record:
    """What the turn's row will say.

    `is_asked`: the question may have gone out. `is_answered`: Bing took it up, whatever came of that.
    """

    sources: list[dict[str, str]] = field(default_factory=list)
    suggestions: list[str] = field(default_factory=list)
    dropped: int = 0
    first_text_at: datetime | None = None
    error: ServiceError | None = None
    is_asked: bool = False
    is_answered: bool = False

    def add(self, event: Event, now: datetime) -> None:
        """Keep what belongs on the row."""
        self.is_answered = True
        if isinstance(event, SHOWN) and self.first_text_at is None:
            self.first_text_at = now
        if isinstance(event, Sources | Citations):
            self.sources = [{"title": source.title, "url": source.url} for source in event.items]
        elif isinstance(event, Suggestions):
            self.suggestions = list(event.texts)

    def fail(self, error: ServiceError) -> None:
        """Why it failed."""
        self.error = error

    @property
    def is_counted(self) -> bool:
        """Whether the turn counts against its user's day: Bing took it up, or may have when the caller left."""
        return self.is_answered or (self.is_asked and self.error is None)
