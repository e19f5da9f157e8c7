"""How long an exchange may keep a turn waiting, its repeats included."""

from __future__ import annotations

import asyncio

import pytest
from pytest_django import Settings

from chat.services.backends.budget import Budget, exchange, keeping_to


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    """An exchange of at most 20 s."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 20.0


async def limit_of(kind: str, seconds: float) -> float:
    """The limit that an exchange gets."""
    async with exchange(kind, seconds) as limit:
        return limit


def test_a_second_try_has_what_the_first_has_left() -> None:
    """Together they take no longer than the setting says."""
    budget = Budget()

    async def tries() -> list[float]:
        with keeping_to(budget):
            first = await limit_of("create", 15.0)
            budget.spend("create", first)
            second = await limit_of("create", 15.0)
            budget.spend("create", second)
            return [first, second, await limit_of("create", 15.0), await limit_of("upload", 15.0)]

    first, second, third, other = asyncio.run(tries())
    assert (first, other) == (10.0, 10.0)
    assert 9.0 < second <= 10.0
    assert first + second + third <= 20.0 + 0.01


def test_what_an_exchange_took_is_noted() -> None:
    """Also when it fails."""
    budget = Budget()

    async def failing() -> None:
        with keeping_to(budget):
            async with exchange("create", 15.0):
                await asyncio.sleep(0.01)
                raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(failing())
    assert budget.left("create") < 20.0
    assert not budget.is_spent


def test_outside_of_a_turn_nothing_is_measured() -> None:
    """Each exchange has its own limit, and at most half of the setting."""
    assert asyncio.run(limit_of("create", 7.0)) == 7.0
    assert asyncio.run(limit_of("create", 60.0)) == 10.0


@pytest.mark.parametrize(
    ("spent", "is_slow", "is_spent"),
    [(0.0, False, False), (9.9, False, False), (10.0, True, False), (19.0, True, False), (19.6, True, True)],
)  # fmt: skip
def test_whether_another_try_is_worth_while(spent: float, is_slow: bool, is_spent: bool) -> None:
    """From half of the time on another back end is better; without any left nothing is tried."""
    budget = Budget()
    assert not (budget.is_slow or budget.is_spent)
    budget.spend("socket", spent)
    assert (budget.is_slow, budget.is_spent) == (is_slow, is_spent)
