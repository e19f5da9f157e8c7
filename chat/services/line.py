"""Callers who wait for an account stand in a line: first come, first served, within one process.

Who waits for a certain account holds up nobody who can do with another one.
"""

from __future__ import annotations

from collections.abc import Collection
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

    def spoken_for(self, back_end: str, only: int | None, waiting: Waiting | None = None) -> set[int] | None:
        """The accounts that earlier ones wait for; None when it is not this one's turn at all."""
        earlier = self.before(back_end, waiting)
        if only is not None:
            return None if any(other.may_take(only) for other in earlier) else set()
        if any(other.only is None for other in earlier):
            return None
        return {other.only for other in earlier if other.only is not None}


LINE = Line()
