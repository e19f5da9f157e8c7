"""Count the polls of one generation and choose the few that deserve a step in the task's timeline.

Several hundred polls a second find nothing, so "not yet" deserves none. A step is written for a poll that fails after
one that did not, for the first that succeeds after a failed one, and, at growing intervals, for one still pending.
"""

from __future__ import annotations

from dataclasses import dataclass

from creator.models import EventKind

FIRST_REPORT_SECONDS = 60.0
MOST_CHANGES = 10  # an unstable Bing must not fill the table


@dataclass(slots=True)
class PollLog:
    """The polls of one generation so far, by this runner."""

    count: int = 0
    failed_count: int = 0
    failure: str = ""
    _change_count: int = 0
    _report_at: float = FIRST_REPORT_SECONDS

    def note(self, failure: str, age_seconds: float) -> tuple[EventKind, str] | None:
        """Count a poll without a result; return its step of the timeline if it deserves one.

        Args:
            failure: Why the poll failed, "" if it did not.
            age_seconds: Seconds since Bing accepted the task.
        """
        self.count += 1
        self.failed_count += bool(failure)
        is_change = bool(failure) != bool(self.failure)
        self.failure = failure
        if is_change and self._change_count < MOST_CHANGES:
            self._change_count += 1
            return (EventKind.TROUBLE, failure) if failure else (EventKind.WAITING, f"Bing answers again; {self}.")
        # After one, two, four … minutes: a thousand generations in flight must not write a row per poll.
        if age_seconds >= self._report_at:
            self._report_at = age_seconds * 2
            return EventKind.WAITING, f"Still under way; {self}."
        return None

    def __str__(self) -> str:
        failed = f", {self.failed_count} of them failed" if self.failed_count else ""
        return f"{self.count} poll{'' if self.count == 1 else 's'}{failed}"
