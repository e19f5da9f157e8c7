"""The looks at one generation's result: counted, and which of them are worth a line of the task's story.

A thousand generations are looked at some hundred times a second, so "not yet" is no news. News is a look that failed
after one that did not, the first that did not after one that failed, and, ever more rarely, that it is still going on.
"""

from __future__ import annotations

from dataclasses import dataclass

from creator.models import EventKind

FIRST_REPORT_SECONDS = 60.0
MOST_CHANGES = 10  # a Bing that comes and goes for hours does not fill the table


@dataclass(slots=True)
class Looks:
    """What was seen of one generation so far, by this runner."""

    count: int = 0
    failed_count: int = 0
    trouble: str = ""
    _change_count: int = 0
    _report_at: float = FIRST_REPORT_SECONDS

    def note(self, trouble: str, age_seconds: float) -> tuple[EventKind, str] | None:
        """Count a look without a result, `trouble` saying why it failed if it did; its line when it deserves one.

        Units: `age_seconds` since Bing took the task.
        """
        self.count += 1
        self.failed_count += bool(trouble)
        is_change = bool(trouble) != bool(self.trouble)
        self.trouble = trouble
        if is_change and self._change_count < MOST_CHANGES:
            self._change_count += 1
            return (EventKind.TROUBLE, trouble) if trouble else (EventKind.WAITING, f"Bing answers again; {self}.")
        if age_seconds >= self._report_at:
            self._report_at = age_seconds * 2
            return EventKind.WAITING, f"Still under way; {self}."
        return None

    def __str__(self) -> str:
        failed = f", {self.failed_count} of them failed" if self.failed_count else ""
        return f"{self.count} look{'' if self.count == 1 else 's'}{failed}"
