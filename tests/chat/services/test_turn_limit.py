"""How many turns one user may have at a time."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from pytest_django import Settings

from bingproject.errors import RateLimitError
from chat.services import turn_limit
from chat.services.turn_limit import one_turn


def test_one_more_than_the_limit_is_told_to_come_again(settings: Settings) -> None:
    """Others are not affected, and each turn that ends leaves its place."""
    settings.CHAT_TURNS_PER_USER = 2
    with ExitStack() as turns:
        for _ in range(2):
            turns.enter_context(one_turn("user:a"))
        with pytest.raises(RateLimitError) as refusal, one_turn("user:a"):
            pass
        assert (refusal.value.code, refusal.value.retry_after) == ("rate_limit_exceeded", 10.0)
        assert "2 chat turns" in refusal.value.message
        with one_turn("user:b"):
            pass
    with one_turn("user:a"), one_turn("user:a"):
        pass
    assert not turn_limit._running


@pytest.mark.parametrize(("most", "caller_id"), [(0, "user:a"), (1, "open")])
def test_who_has_no_limit(settings: Settings, most: int, caller_id: str) -> None:
    """Everybody with 0; programs without a key, which are one holder however many they are."""
    settings.CHAT_TURNS_PER_USER = most
    with ExitStack() as turns:
        for _ in range(20):
            turns.enter_context(one_turn(caller_id))


def test_a_turn_that_fails_leaves_its_place(settings: Settings) -> None:
    """Whatever ends it."""
    settings.CHAT_TURNS_PER_USER = 1
    for _ in range(2):
        with pytest.raises(ValueError, match="x"), one_turn("user:a"):
            raise ValueError("x")
