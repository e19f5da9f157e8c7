"""Callers who wait for an account stand in a line: first come, first served, within one process.

Who waits for a certain account, or may not have one, holds up nobody who can do with the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Waiting:
    """One who waits: over which back end, for which account if only one will do, and for which not."""

    back_end: str = ""
    only: int | None = None
    excluded: Collection[int] = field(default_factory=set)

    def may_take(self, account_id: int) -> bool:
        """Whether this account would do."""
        return self.only in (None, account_id) and account_id not in self.excluded

    @property
    def takes_any(self) -> bool:
        """Whether every account would do."""
        return self.only is None and not self.excluded


class Line:
    """All who wait, in the order in which they came. Read by threads; changed by the event loop alone."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    def join(self, waiting: Waiting) -> None:
        """Stand at the end."""
        self._waiting.append(waiting)

    def leave(self, waiting: Waiting) -> None:
        """Served, or gone."""
        self._waiting.remove(waiting)

    def before(self, back_end: str, waiting: Waiting | None = None) -> list[Waiting]:
        """Who of this back end came earlier; all of them for one who is not in the line."""
        rows = list(self._waiting)
        earlier = rows[: rows.index(waiting)] if waiting in rows else rows
        return [other for other in earlier if other.back_end == back_end]


def is_spoken_for(account_id: int, earlier: Iterable[Waiting]) -> bool:
    """Whether one of those who came earlier may take this account."""
    return any(other.may_take(account_id) for other in earlier)


def is_held_up(only: int | None, earlier: Iterable[Waiting]) -> bool:
    """Whether those who came earlier leave nothing for sure: not the one account that is wanted, or none at all."""
    return any(other.takes_any if only is None else other.may_take(only) for other in earlier)


LINE = Line()
