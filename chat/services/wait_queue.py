"""Turns that wait for an account: first come, first served, within one process.

A waiting caller blocks only the accounts it could use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Waiter:
    """A waiting turn: its back end, the account if only one will do, and the accounts it may not have."""

    back_end: str = ""
    only: int | None = None
    excluded: Collection[int] = field(default_factory=set)

    def may_take(self, account_id: int) -> bool:
        """True if this account would do."""
        return self.only in (None, account_id) and account_id not in self.excluded

    @property
    def takes_any(self) -> bool:
        """True if every account would do."""
        return self.only is None and not self.excluded


class WaitQueue:
    """All waiting turns, in the order of their arrival. Read by threads; changed by the event loop alone."""

    def __init__(self) -> None:
        self._waiters: list[Waiter] = []

    def join(self, waiter: Waiter) -> None:
        """Append a waiter."""
        self._waiters.append(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Remove a waiter that was served or has gone."""
        self._waiters.remove(waiter)

    def ahead_of(self, back_end: str, waiter: Waiter | None = None) -> list[Waiter]:
        """Return the earlier waiters of this back end; all of them for a turn that is not in the queue."""
        rows = list(self._waiters)
        earlier = rows[: rows.index(waiter)] if waiter in rows else rows
        return [other for other in earlier if other.back_end == back_end]


def is_wanted(account_id: int, earlier: Iterable[Waiter]) -> bool:
    """True if an earlier waiter may take this account."""
    return any(other.may_take(account_id) for other in earlier)


def is_blocked(only: int | None, earlier: Iterable[Waiter]) -> bool:
    """True if earlier waiters may take the one account that is wanted, or every account when any would do."""
    return any(other.takes_any if only is None else other.may_take(only) for other in earlier)


QUEUE = WaitQueue()
