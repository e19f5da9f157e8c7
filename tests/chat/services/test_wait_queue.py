"""Waiting turns: nobody is overtaken, and a waiter blocks only the accounts it could use."""

from __future__ import annotations

from chat.services.wait_queue import Waiter, WaitQueue, is_blocked, is_wanted


def test_first_come_first_served() -> None:
    """A turn waits for earlier ones, in the queue or not yet in it; other back ends have queues of their own."""
    queue, first, second = WaitQueue(), Waiter("m365"), Waiter("m365")
    queue.join(first)
    queue.join(second)
    assert not is_blocked(None, queue.ahead_of("m365", first))
    assert is_blocked(None, queue.ahead_of("m365", second))
    assert is_blocked(7, queue.ahead_of("m365"))
    assert queue.ahead_of("copilot") == []
    assert (len(queue.ahead_of("m365", second)), len(queue.ahead_of("m365"))) == (1, 2)
    queue.leave(first)
    assert not is_blocked(None, queue.ahead_of("m365", second))


def test_who_waits_for_one_account_leaves_the_others_free() -> None:
    """Only that one is wanted."""
    earlier = [Waiter("m365", only=7)]
    assert not is_blocked(None, earlier)
    assert [is_wanted(account, earlier) for account in (7, 8)] == [True, False]
    assert [is_blocked(account, earlier) for account in (7, 8)] == [True, False]


def test_who_may_not_have_an_account_leaves_it_free() -> None:
    """To whoever comes later, for that one or for any; of several it is what none of them may have."""
    earlier = [Waiter("m365", excluded={8})]
    assert not is_blocked(None, earlier)
    assert [is_blocked(account, earlier) for account in (8, 9)] == [False, True]
    earlier.append(Waiter("m365", excluded={8, 9}))
    assert [is_wanted(account, earlier) for account in (7, 8, 9)] == [True, False, True]
    earlier.append(Waiter("m365", only=8))
    assert is_wanted(8, earlier)
