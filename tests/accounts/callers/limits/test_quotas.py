"""Daily quotas: UTC days, all or nothing, returned once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.callers import limits
from accounts.callers.limits import Allowance, quotas
from accounts.models import Capability, UsageCounter
from bingproject.errors import RateLimitError
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def counted(kind: str = Capability.CHAT) -> int:
    """Return the sum of a kind's counters over all days."""
    return sum(UsageCounter.objects.filter(kind=kind).values_list("count", flat=True))


@pytest.mark.parametrize("kind", [str(kind) for kind in quotas.NOUNS])
def test_each_kind_has_its_own_limit(kind: str) -> None:
    """A used-up quota is 429 with the seconds until the next UTC day; the other kinds still work."""
    user = make_user("anna", daily_images=1, daily_videos=1, daily_chats=1)
    assert limits.take_quota(user, kind, 1, NOON) == date(2026, 11, 24)
    with pytest.raises(RateLimitError) as refusal:
        limits.take_quota(user, kind, 1, NOON)
    assert (refusal.value.code, refusal.value.retry_after) == ("quota_exceeded", 12 * 3600)
    assert quotas.NOUNS[Capability(kind)] in refusal.value.message
    for other in set(map(str, quotas.NOUNS)) - {kind}:
        limits.take_quota(user, other, 1, NOON)


def test_days_are_utc() -> None:
    """01:30 in Berlin belongs to the day before."""
    user = make_user("anna", daily_images=1)
    berlin = timezone(timedelta(hours=1))
    assert limits.take_quota(user, "image", 1, datetime(2026, 11, 25, 0, 30, tzinfo=berlin)) == date(2026, 11, 24)
    assert limits.take_quota(user, "image", 1, datetime(2026, 11, 25, 1, 30, tzinfo=berlin)) == date(2026, 11, 25)


def test_several_pieces_are_taken_together_or_not_at_all() -> None:
    """The error names the requested number."""
    user = make_user("anna", daily_images=5)
    limits.take_quota(user, "image", 3, NOON)
    with pytest.raises(RateLimitError, match="asks for 3 of your daily quota of 5 images"):
        limits.take_quota(user, "image", 3, NOON)
    assert counted("image") == 3


@pytest.mark.parametrize(("limit", "passes"), [(None, True), (0, False), (1, True)])
def test_none_is_no_limit_and_zero_allows_nothing(limit: int | None, passes: bool) -> None:
    """Checking takes nothing."""
    user = make_user("anna", daily_chats=limit)
    if passes:
        limits.require_quota(user, "chat", NOON)
        limits.take_quota(user, "chat", 1, NOON)
    else:
        for ask in (lambda: limits.require_quota(user, "chat", NOON), lambda: limits.take_quota(user, "chat", 1, NOON)):
            with pytest.raises(RateLimitError):
                ask()
    assert counted() == int(passes)


def test_a_check_finds_a_used_up_quota() -> None:
    """It takes nothing while there is room."""
    user = make_user("anna", daily_chats=1)
    limits.require_quota(user, "chat", NOON)
    limits.take_quota(user, "chat", 1, NOON)
    with pytest.raises(RateLimitError):
        limits.require_quota(user, "chat", NOON)


def test_work_that_is_rolled_back_is_not_counted() -> None:
    """The count is part of the transaction that creates the work."""
    user = make_user("anna", daily_images=1)
    with pytest.raises(RuntimeError), transaction.atomic():
        limits.take_quota(user, "image", 1, NOON)
        raise RuntimeError
    assert counted("image") == 0


def test_todays_use_of_many_users_is_one_query() -> None:
    """By user and kind, without yesterday's use."""
    users = [make_user(f"user-{number}") for number in range(3)]
    limits.take_quota(users[0], "image", 2, NOON)
    limits.take_quota(users[0], "chat", 1, NOON)
    limits.take_quota(users[1], "image", 1, NOON - timedelta(days=1))
    with CaptureQueriesContext(connection) as queries:
        assert limits.used_today(users, NOON) == {"user-0": {"image": 2, "chat": 1}}
    assert len(queries) == 1


def test_an_allowance_returns_what_did_not_count() -> None:
    """The first turn takes three; a turn that does not count and turns that never start are returned once each."""
    allowance = Allowance(make_user("anna", daily_chats=3), Capability.CHAT, 3)
    with transaction.atomic():
        allowance.begin(NOON)
    assert (counted(), allowance.spare) == (3, 2)
    allowance.end(is_counted=True)
    with transaction.atomic():
        allowance.begin(NOON)
    assert (counted(), allowance.spare) == (3, 1)
    for _ in range(2):
        allowance.end(is_counted=False)
    assert counted() == 2
    for _ in range(2):
        allowance.give_back_spare()
    assert counted() == 1


def test_an_allowance_takes_all_or_nothing() -> None:
    """A refused allowance returns nothing."""
    allowance = Allowance(make_user("anna", daily_chats=2), Capability.CHAT, 3)
    with pytest.raises(RateLimitError):
        allowance.begin(NOON)
    allowance.end(is_counted=False)
    allowance.give_back_spare()
    assert counted() == 0


def test_an_allowance_changes_on_commit_only() -> None:
    """The quota of a start that was rolled back is not returned a second time."""
    user = make_user("anna", daily_chats=3)
    limits.take_quota(user, "chat", 1, NOON)
    allowance = Allowance(user, Capability.CHAT)
    with pytest.raises(RuntimeError), transaction.atomic():
        allowance.begin(NOON)
        raise RuntimeError
    allowance.end(is_counted=False)
    assert counted() == 1
