"""Daily quotas: UTC days, all or none, given back once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import limits
from accounts.limits import Allowance, quotas
from accounts.models import Capability, UsageCounter
from bingproject.errors import RateLimitError
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def counted(kind: str = Capability.CHAT) -> int:
    """How much has been counted of a kind, over all days."""
    return sum(UsageCounter.objects.filter(kind=kind).values_list("count", flat=True))


@pytest.mark.parametrize("kind", [str(kind) for kind in quotas.NOUNS])
def test_each_kind_has_its_own_limit(kind: str) -> None:
    """Used up is 429 until the next UTC day, which the answer names in seconds; the other kinds go on."""
    user = make_user("anna", daily_images=1, daily_videos=1, daily_chats=1)
    assert limits.take_quota(user, kind, 1, NOON) == date(2026, 11, 24)
    with pytest.raises(RateLimitError) as refusal:
        limits.take_quota(user, kind, 1, NOON)
    assert (refusal.value.code, refusal.value.retry_after) == ("quota_exceeded", 12 * 3600)
    assert quotas.NOUNS[Capability(kind)] in refusal.value.message
    for other in set(map(str, quotas.NOUNS)) - {kind}:
        limits.take_quota(user, other, 1, NOON)


def test_the_day_is_that_of_utc() -> None:
    """Wherever the clock stands: half past one in the morning at Berlin is still yesterday."""
    user = make_user("anna", daily_images=1)
    berlin = timezone(timedelta(hours=1))
    assert limits.take_quota(user, "image", 1, datetime(2026, 11, 25, 0, 30, tzinfo=berlin)) == date(2026, 11, 24)
    assert limits.take_quota(user, "image", 1, datetime(2026, 11, 25, 1, 30, tzinfo=berlin)) == date(2026, 11, 25)


def test_several_are_taken_together_or_not_at_all() -> None:
    """The refusal says how many were asked for."""
    user = make_user("anna", daily_images=5)
    limits.take_quota(user, "image", 3, NOON)
    with pytest.raises(RateLimitError, match="asks for 3 of your daily quota of 5 images"):
        limits.take_quota(user, "image", 3, NOON)
    assert counted("image") == 3


@pytest.mark.parametrize(("limit", "passes"), [(None, True), (0, False), (1, True)])
def test_no_limit_and_none_at_all(limit: int | None, passes: bool) -> None:
    """None is as many as one likes, 0 is not even one; looking takes nothing."""
    user = make_user("anna", daily_chats=limit)
    if passes:
        limits.require_quota(user, "chat", NOON)
        limits.take_quota(user, "chat", 1, NOON)
    else:
        for ask in (lambda: limits.require_quota(user, "chat", NOON), lambda: limits.take_quota(user, "chat", 1, NOON)):
            with pytest.raises(RateLimitError):
                ask()
    assert counted() == int(passes)


def test_looking_finds_a_quota_used_up() -> None:
    """And takes nothing while there is room."""
    user = make_user("anna", daily_chats=1)
    limits.require_quota(user, "chat", NOON)
    limits.take_quota(user, "chat", 1, NOON)
    with pytest.raises(RateLimitError):
        limits.require_quota(user, "chat", NOON)


def test_work_that_is_rolled_back_was_never_counted() -> None:
    """The count is part of the transaction that creates the work."""
    user = make_user("anna", daily_images=1)
    with pytest.raises(RuntimeError), transaction.atomic():
        limits.take_quota(user, "image", 1, NOON)
        raise RuntimeError
    assert counted("image") == 0


def test_todays_use_of_many_is_one_query() -> None:
    """By user and kind; yesterday's is not in it."""
    users = [make_user(f"user-{number}") for number in range(3)]
    limits.take_quota(users[0], "image", 2, NOON)
    limits.take_quota(users[0], "chat", 1, NOON)
    limits.take_quota(users[1], "image", 1, NOON - timedelta(days=1))
    with CaptureQueriesContext(connection) as queries:
        assert limits.used_today(users, NOON) == {"user-0": {"image": 2, "chat": 1}}
    assert len(queries) == 1


def test_an_allowance_counts_each_turn_that_counts() -> None:
    """Three turns are taken at the first; one that does not count and those not begun are given back, each once."""
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
    """What was refused has nothing to give back."""
    allowance = Allowance(make_user("anna", daily_chats=2), Capability.CHAT, 3)
    with pytest.raises(RateLimitError):
        allowance.begin(NOON)
    allowance.end(is_counted=False)
    allowance.give_back_spare()
    assert counted() == 0


def test_an_allowance_knows_only_what_was_committed() -> None:
    """A beginning that was rolled back is not given back a second time."""
    user = make_user("anna", daily_chats=3)
    limits.take_quota(user, "chat", 1, NOON)
    allowance = Allowance(user, Capability.CHAT)
    with pytest.raises(RuntimeError), transaction.atomic():
        allowance.begin(NOON)
        raise RuntimeError
    allowance.end(is_counted=False)
    assert counted() == 1
