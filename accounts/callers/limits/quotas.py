"""Daily quotas of whitelisted users: taken in the transaction that creates the work, given back when Bing never had it.

Days are UTC. Users without a limit are counted too, so that operators see today's use.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from django.db import transaction

from accounts.limits import counters
from accounts.models import Capability, WhitelistedUser
from bingproject.errors import RateLimitError

NOUNS = {Capability.IMAGE: "images", Capability.VIDEO: "videos", Capability.CHAT: "chat turns"}


def take_quota(user: WhitelistedUser, kind: str, number: int, now: datetime) -> date:
    """Count work that is about to begin, all of it or none; the day that it counts against.

    Raises: RateLimitError (`quota_exceeded`).
    """
    day = now.astimezone(UTC).date()
    limit = _limit(user, kind)
    if counters.take(user.holder, kind, _window(day), number, limit) is None:
        raise _used_up(limit or 0, kind, number, now)
    return day


def require_quota(user: WhitelistedUser, kind: str, now: datetime) -> None:
    """See that there is room for one more, without taking it.

    Raises: RateLimitError (`quota_exceeded`).
    """
    limit = _limit(user, kind)
    if limit is not None and counters.read(user.holder, kind, _window(now.astimezone(UTC).date())) >= limit:
        raise _used_up(limit, kind, 1, now)


def give_back(holder: str, kind: str, day: date, number: int) -> None:
    """Count work no longer that Bing never had; in the transaction that ends it, so that it happens once."""
    counters.release(holder, kind, _window(day), number)


def used_today(users: Collection[WhitelistedUser], now: datetime) -> dict[str, dict[str, int]]:
    """Today's use of many users in one query.

    Shape: user id → kind → count; who has used nothing is not in it.
    """
    names = {user.holder: user.user_id for user in users}
    found: dict[str, dict[str, int]] = {}
    for holder, kind, count in counters.read_many(names, _window(now.astimezone(UTC).date())):
        found.setdefault(names[holder], {})[kind] = count
    return found


@dataclass(slots=True)
class Allowance:
    """What one request may take of its user's day: `number` pieces of work, one after the other, counted all at once.

    It knows only what has been committed: work whose beginning was rolled back has taken nothing.
    """

    user: WhitelistedUser
    kind: str
    number: int = 1
    day: date | None = None
    spare: int = 0
    is_open: bool = False

    def check(self, now: datetime) -> None:
        """See that one could begin. Raises: RateLimitError (`quota_exceeded`)."""
        require_quota(self.user, self.kind, now)

    def begin(self, now: datetime) -> None:
        """Count one, in the transaction that creates it; the first takes what all will need.

        Raises: RateLimitError (`quota_exceeded`).
        """
        if self.spare:
            transaction.on_commit(partial(self._note, self.day, self.spare - 1))
        else:
            day = take_quota(self.user, self.kind, self.number, now)
            transaction.on_commit(partial(self._note, day, self.number - 1))

    def end(self, *, is_counted: bool) -> None:
        """It has ended; given back unless it counts, in the transaction that records the end."""
        if self.is_open and not is_counted:
            self._give_back(1)
        self.is_open = False

    def give_back_spare(self) -> None:
        """The request has ended: what it took and did not begin."""
        if self.spare:
            self._give_back(self.spare)
        self.spare = 0

    def _note(self, day: date | None, spare: int) -> None:
        self.day, self.spare, self.is_open = day, spare, True

    def _give_back(self, number: int) -> None:
        if self.day is not None:
            give_back(self.user.holder, self.kind, self.day, number)


def _limit(user: WhitelistedUser, kind: str) -> int | None:
    if kind == Capability.IMAGE:
        return user.daily_images
    return user.daily_videos if kind == Capability.VIDEO else user.daily_chats


def _window(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _used_up(limit: int, kind: str, number: int, now: datetime) -> RateLimitError:
    tomorrow = _window(now.astimezone(UTC).date() + timedelta(days=1))
    seconds = (tomorrow - now).total_seconds()
    noun = NOUNS[Capability(kind)]
    if number > 1:
        message = f"This asks for {number} of your daily quota of {limit} {noun}, and less is left. Ask for fewer."
    else:
        message = f"Your daily quota of {limit} {noun} is used up. The next day begins at 00:00 UTC."
    return RateLimitError(message, code="quota_exceeded", retry_after=seconds)
