"""Daily quotas of users: taken in the transaction that creates the work, returned if the work never reached Bing.

Days are UTC. Users without a limit are counted too, so that operators see today's use.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from django.db import transaction

from accounts.callers.limits import counters
from accounts.models import Capability, WhitelistedUser
from bingproject.errors import RateLimitError

NOUNS = {Capability.IMAGE: "images", Capability.VIDEO: "videos", Capability.CHAT: "chat turns"}


def take_quota(user: WhitelistedUser, kind: str, number: int, now: datetime) -> date:
    """Count `number` pieces of new work, all or none; return the day they count against.

    Raises: RateLimitError (`quota_exceeded`).
    """
    day = now.astimezone(UTC).date()
    limit = _limit(user, kind)
    if counters.take(user.caller_id, kind, _window(day), number, limit) is None:
        raise _used_up(limit or 0, kind, number, now)
    return day


def require_quota(user: WhitelistedUser, kind: str, now: datetime) -> None:
    """Check that the quota has room for one more, without taking it.

    Raises: RateLimitError (`quota_exceeded`).
    """
    limit = _limit(user, kind)
    if limit is not None and counters.read(user.caller_id, kind, _window(now.astimezone(UTC).date())) >= limit:
        raise _used_up(limit, kind, 1, now)


def give_back(caller_id: str, kind: str, day: date, number: int) -> None:
    """Return quota for work that never reached Bing. Call it in the transaction that ends the work: once."""
    counters.release(caller_id, kind, _window(day), number)


def used_today(users: Collection[WhitelistedUser], now: datetime) -> dict[str, dict[str, int]]:
    """Return today's use of many users by user id and kind, from one query; users without any are missing."""
    names = {user.caller_id: user.user_id for user in users}
    found: dict[str, dict[str, int]] = {}
    for caller_id, kind, count in counters.read_many(names, _window(now.astimezone(UTC).date())):
        found.setdefault(names[caller_id], {})[kind] = count
    return found


@dataclass(slots=True)
class Allowance:
    """The quota of one request that does `number` pieces of work one after the other; the first takes it all.

    Its fields change on commit only, so work whose start was rolled back has taken nothing.
    """

    user: WhitelistedUser
    kind: str
    number: int = 1
    day: date | None = None
    spare: int = 0
    is_open: bool = False

    def check(self, now: datetime) -> None:
        """Check that the quota has room for one piece of work.

        Raises: RateLimitError (`quota_exceeded`).
        """
        require_quota(self.user, self.kind, now)

    def begin(self, now: datetime) -> None:
        """Start one piece of work, in the transaction that creates it; the first takes the quota of all.

        Raises: RateLimitError (`quota_exceeded`).
        """
        if self.spare:
            transaction.on_commit(partial(self._note, self.day, self.spare - 1))
        else:
            day = take_quota(self.user, self.kind, self.number, now)
            transaction.on_commit(partial(self._note, day, self.number - 1))

    def end(self, *, is_counted: bool) -> None:
        """End the current piece of work, in the transaction that records it; return its quota if it does not count."""
        if self.is_open and not is_counted:
            self._give_back(1)
        self.is_open = False

    def give_back_spare(self) -> None:
        """Return the quota of work that the request did not start."""
        if self.spare:
            self._give_back(self.spare)
        self.spare = 0

    def _note(self, day: date | None, spare: int) -> None:
        self.day, self.spare, self.is_open = day, spare, True

    def _give_back(self, number: int) -> None:
        if self.day is not None:
            give_back(self.user.caller_id, self.kind, self.day, number)


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
        message = (
            f"This request asks for {number} of your daily quota of {limit} {noun}, and fewer are left. Ask for fewer."
        )
    else:
        message = f"Your daily quota of {limit} {noun} is used up. The next day starts at 00:00 UTC."
    return RateLimitError(message, code="quota_exceeded", retry_after=seconds)
