"""When to look next: seldom before, often around, less and less after the usual end."""

from __future__ import annotations

import random

from creator.timing import PollPlan

SORT = ("image", "DALLE", "fast")


def _looks(plan: PollPlan, seconds: float) -> tuple[int, float]:
    """How many looks a generation of this length costs, and how long after its end the last one is."""
    age, count = 0.0, 0
    while age < seconds:
        age += plan.pause_seconds(SORT, age)
        count += 1
    return count, age - seconds


def _trained() -> PollPlan:
    plan, dice = PollPlan(), random.Random(1)
    for _ in range(200):
        plan.learn(SORT, dice.uniform(30, 60))
    return plan


def test_looks_start_close_to_the_usual_end() -> None:
    """A generation that takes 30 to 60 s is not looked at in its first 25."""
    assert _trained().pause_seconds(SORT, 0.0) > 25


def test_a_picture_is_seen_soon_with_few_looks() -> None:
    """Less than a second late for half of them, two at most, with at most twice the looks of a fixed 5 s."""
    plan, dice = _trained(), random.Random(2)
    lengths = [dice.uniform(30, 60) for _ in range(500)]
    looks = [_looks(plan, length) for length in lengths]
    assert sorted(late for _, late in looks)[250] < 0.9
    assert max(late for _, late in looks) <= 1.9
    assert sum(count for count, _ in looks) <= 2 * sum(length // 5 + 1 for length in lengths)


def test_an_unknown_sort_is_looked_at_early_and_then_less_often() -> None:
    """Without experience the pause grows with the age, up to a limit."""
    plan = PollPlan()
    assert plan.pause_seconds(SORT, 0) == 2.0
    assert plan.pause_seconds(SORT, 3) == 1.6
    assert plan.pause_seconds(SORT, 100) == 10.0
    assert plan.pause_seconds(SORT, 10_000) == 15.0
    assert plan.pause_seconds(("video", "DALLE", "standard"), 10_000) == 60.0


def test_a_generation_that_is_late_is_looked_at_less_and_less() -> None:
    """After the last usual end the pause grows, up to its limit."""
    plan = _trained()
    pauses = [plan.pause_seconds(SORT, age) for age in (61, 90, 200, 800)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 15.0


def test_a_wide_span_is_not_looked_through_at_full_pace() -> None:
    """Where ends are spread over minutes, the pause is a share of the age."""
    plan = PollPlan()
    for seconds in (10, 100, 200, 300, 400, 500, 600):
        plan.learn(SORT, seconds)
    assert plan.pause_seconds(SORT, 200) == 10.0


def test_the_plan_follows_what_it_learns() -> None:
    """When generations become faster, the looks come earlier."""
    plan = _trained()
    for _ in range(200):
        plan.learn(SORT, 8.0)
    assert plan.pause_seconds(SORT, 0.0) < 8.0
