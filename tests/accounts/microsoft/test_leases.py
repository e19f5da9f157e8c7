"""Leases on accounts: exact limits and paces under concurrency, renewal, expiry."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections
from django.utils import timezone

from accounts.microsoft.leases import (
    LEASE_SECONDS,
    Pace,
    Renewer,
    drop_lease,
    keep_lease,
    paces,
    prune_leases,
    take_lease,
)
from accounts.models import Account, AccountState, Capability, Lease
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db


def chat_account(limit: int = 4, name: str = "") -> Account:
    """An account that may hold so many chats."""
    account = make_account(name)
    set_capability(account, Capability.CHAT, limit=limit)
    return account


def take(now: datetime | None = None) -> Lease | None:
    """A lease for a chat, for whoever."""
    return take_lease(Capability.CHAT, "somebody", now or timezone.now())


def at_once(count: int, work: Callable[[], object]) -> list[object]:
    """The same in so many threads that all begin together."""
    start = threading.Barrier(count)

    def run(_number: int) -> object:
        start.wait(20)
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


async def comes_true(in_rows: Callable[[], bool], in_loop: Callable[[], bool] = lambda: True) -> None:
    """Wait until both hold: one asks the database, one the event loop."""
    for _ in range(1000):
        if await sync_to_async(in_rows)() and in_loop():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come to that")


def test_a_lease_names_its_account_and_holder() -> None:
    """The account comes loaded; the lease lives half a minute; the row of the account remembers that it was served."""
    account, now = chat_account(), timezone.now()
    lease = take_lease(Capability.CHAT, "x" * 200, now)
    assert lease is not None
    assert (lease.account, lease.holder, lease.until) == (account, "x" * 120, now + timedelta(seconds=LEASE_SECONDS))
    assert account.capabilities.get(capability=Capability.CHAT).served_at == now


def test_a_holder_with_invalid_characters_is_cleaned() -> None:
    """U+0000 and a lone surrogate cause no error."""
    chat_account()
    lease = take_lease(Capability.CHAT, "a\0\ud800", timezone.now())
    assert lease is not None and lease.holder == Lease.objects.get().holder == "a\N{REPLACEMENT CHARACTER}"


def test_the_least_busy_account_is_taken_and_none_beyond_its_limit() -> None:
    """Two accounts fill up evenly; then there is none."""
    one, two = chat_account(3), chat_account(2)
    taken = [take() for _ in range(6)]
    assert [lease.account_id for lease in taken[:4] if lease] == [one.pk, two.pk, one.pk, two.pk]
    assert taken[4] is not None and taken[4].account_id == one.pk
    assert taken[5] is None


def test_only_usable_accounts_are_leased() -> None:
    """Not expired, cooling, disabled or excluded ones, and no other than the requested one."""
    now = timezone.now()
    expired, resting, disabled, good = (chat_account(name=name) for name in ("a", "b", "c", "d"))
    expired.mark(AccountState.EXPIRED, "", now)
    set_capability(resting, Capability.CHAT, cooldown_until=now + timedelta(minutes=1))
    Account.objects.filter(pk=disabled.pk).update(is_enabled=False)
    lease = take()
    assert lease is not None and lease.account == good
    for account in (expired, resting, disabled):
        assert take_lease(Capability.CHAT, "x", now, only=account.pk) is None
    assert take_lease(Capability.CHAT, "x", now, may_take=lambda account_id: account_id != good.pk) is None
    assert take_lease(Capability.IMAGE, "x", now, only=resting.pk) is not None  # its chat rests, not its pictures


def test_a_dropped_lease_makes_room() -> None:
    """An account with room for one is leased several times in a row."""
    chat_account(1)
    first = take()
    assert first is not None and take() is None
    drop_lease(first.pk)
    assert take() is not None


def test_an_expired_lease_does_not_count() -> None:
    """Neither before nor after it is deleted."""
    chat_account(1)
    first = take()
    assert first is not None
    later = first.until + timedelta(seconds=1)
    assert take(later) is not None
    assert prune_leases(later) == 1
    assert not Lease.objects.filter(pk=first.pk).exists()
    assert Lease.objects.count() == 1


def test_a_kept_lease_lasts_until_its_fixed_end() -> None:
    """Bing continues the work even if the process dies."""
    chat_account(1)
    first = take()
    assert first is not None
    end = first.until + timedelta(minutes=5)
    keep_lease(first.pk, end)
    assert take(end - timedelta(seconds=1)) is None
    assert take(end + timedelta(seconds=1)) is not None


def paced_account(per_minute: int | None = 12, burst: int = 4, name: str = "") -> Account:
    """An account with room, and a pace."""
    account = chat_account(100, name)
    set_capability(account, Capability.CHAT, per_minute=per_minute, burst=burst)
    return account


def test_a_burst_starts_in_a_row_and_then_one_turn_per_step() -> None:
    """Twelve a minute, four in a row: after those, one every five seconds; after a pause four again."""
    paced_account()
    now = timezone.now()
    begun = [second for second in range(21) if take(now + timedelta(seconds=second))]
    assert begun == [0, 1, 2, 3, 5, 10, 15, 20]
    later = now + timedelta(seconds=90)
    assert [take(later) is not None for _ in range(6)] == [True] * 4 + [False] * 2


def test_without_a_burst_each_turn_waits_for_its_step() -> None:
    """Sixty a minute, none in a row: one a second, however long the pause."""
    paced_account(60, 1)
    now = timezone.now()
    assert [take(now + timedelta(seconds=second)) is not None for second in (0, 0.5, 1, 1.9, 2, 90, 90)] == [
        True, False, True, False, True, True, False,
    ]  # fmt: skip


def test_an_account_out_of_pace_leaves_the_turn_to_another() -> None:
    """Also when only one account may be tried."""
    one, two = paced_account(6, 1, "a"), paced_account(6, 1, "b")
    now = timezone.now()
    taken = [take_lease(Capability.CHAT, "x", now, most=1) for _ in range(3)]
    assert [lease and lease.account_id for lease in taken] == [one.pk, two.pk, None]
    assert take_lease(Capability.CHAT, "x", now, only=one.pk) is None


def test_when_the_next_turn_may_start() -> None:
    """Of each account that is usable, a pause that counts included; without a pace that is now."""
    now = timezone.now()
    one, two = paced_account(6, 1, "a"), paced_account(2, 3, "b")
    ten, thirty = timedelta(seconds=10), timedelta(seconds=30)
    assert paces(Capability.CHAT, now) == {one.pk: Pace(now, ten), two.pk: Pace(now - 2 * thirty, thirty)}
    assert take(now) and take(now) and take(now)
    assert paces(Capability.CHAT, now) == {one.pk: Pace(now + ten, ten), two.pk: Pace(now, thirty)}
    set_capability(one, Capability.CHAT, cooldown_until=now + timedelta(hours=1))
    set_capability(two, Capability.CHAT, per_minute=None)
    assert paces(Capability.CHAT, now) == {two.pk: Pace(now, timedelta())}


def test_a_caller_with_an_earlier_clock_reading_loses_no_start() -> None:
    """Callers read the clock before they wait for the row's lock, and get it in any order: none of three is lost."""
    account, now = paced_account(1, 3), timezone.now()
    moments = [now, *(now - timedelta(milliseconds=number) for number in (5, 9, 1))]
    assert [take(moment) is not None for moment in moments] == [True, True, True, False]
    row = account.capabilities.get(capability=Capability.CHAT)
    assert (row.served_at, row.paced_until) == (now, now + timedelta(minutes=1))


@pytest.mark.django_db(transaction=True)
def test_the_pace_is_exact_when_many_ask_at_once() -> None:
    """Two accounts with three in a row each: sixteen ask in the same moment, six may begin."""
    accounts = {paced_account(1, 3).pk for _ in range(2)}
    taken = [lease for lease in at_once(16, take) if isinstance(lease, Lease)]
    assert Counter(lease.account_id for lease in taken) == dict.fromkeys(accounts, 3)


@pytest.mark.django_db(transaction=True)
def test_the_limit_is_exact_when_many_ask_at_once() -> None:
    """Three accounts with room for seven: sixteen ask in the same moment, seven get one each."""
    limits = {chat_account(limit).pk: limit for limit in (1, 2, 4)}
    taken = [lease for lease in at_once(16, take) if isinstance(lease, Lease)]
    held = Counter(lease.account_id for lease in taken)
    # Whoever finds an account filled up meanwhile looks at the others, so nothing is left over either.
    assert held == limits


@pytest.mark.django_db(transaction=True)
def test_leasing_and_dropping_never_exceeds_the_limit() -> None:
    """Eight threads, twenty turns each, room for three: nobody fails, and no more than three at any time."""
    chat_account(2)
    chat_account(1)
    seen: list[int] = []

    def turns() -> None:
        for _ in range(20):
            lease = take()
            if lease is not None:
                seen.append(Lease.objects.filter(until__gt=timezone.now()).count())
                drop_lease(lease.pk)

    at_once(8, turns)
    assert seen
    assert max(seen) <= 3
    assert not Lease.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_held_leases_are_renewed() -> None:
    """One task renews all that are held, also when the request that began it is long over, and no other."""
    chat_account(4)
    now = timezone.now()
    held, released, foreign = (take(now) for _ in range(3))
    assert held is not None and released is not None and foreign is not None

    async def live() -> None:
        renewer = Renewer(0.05)
        # A request's thread is gone when the request is.
        with ThreadPoolExecutor(1) as thread:
            async with ThreadSensitiveContext(executor=thread):
                renewer.hold(held.pk)
                renewer.hold(released.pk)
        renewer.release(released.pk)
        await comes_true(lambda: Lease.objects.get(pk=held.pk).until > held.until)
        renewer.release(held.pk)

    asyncio.run(live())
    assert Lease.objects.get(pk=held.pk).until > held.until
    assert Lease.objects.get(pk=released.pk).until == released.until
    assert Lease.objects.get(pk=foreign.pk).until == foreign.until


@pytest.mark.django_db(transaction=True)
def test_renewing_ends_with_the_last_lease_and_begins_again() -> None:
    """No task idles while nothing is held."""
    chat_account(1)
    lease = take()
    assert lease is not None

    async def live() -> None:
        renewer = Renewer(0.01)
        before = len(asyncio.all_tasks())
        for _ in range(2):
            renewer.hold(lease.pk)
            assert len(asyncio.all_tasks()) == before + 1
            renewer.release(lease.pk)
            await comes_true(Lease.objects.exists, lambda: len(asyncio.all_tasks()) == before)

    asyncio.run(live())
