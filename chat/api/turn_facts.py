"""Collect what a turn's events tell besides the answer, for the response's headers."""

from __future__ import annotations

from dataclasses import dataclass

from chat.protocol.events import Event, HistoryDropped, ServedBy

SERVED_BY, HISTORY_DROPPED = "x-bing-served-by", "x-bing-history-dropped"


@dataclass(slots=True)
class TurnFacts:
    """Which back end served the turn, and how many of the oldest turns did not fit into its replay."""

    served_by: ServedBy | None = None
    dropped_turns: int = 0

    def add(self, event: Event) -> None:
        """Store the event if it is such a fact; a later one replaces an earlier one."""
        if isinstance(event, HistoryDropped):
            self.dropped_turns = event.turns
        elif isinstance(event, ServedBy):
            self.served_by = event

    def headers(self) -> dict[str, str]:
        """Return the headers that state these facts; without any, an empty dict."""
        served_by = {SERVED_BY: self.served_by.name} if self.served_by else {}
        return served_by | ({HISTORY_DROPPED: str(self.dropped_turns)} if self.dropped_turns else {})
