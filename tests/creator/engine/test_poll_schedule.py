"""The poll schedule: rare before, often around, less and less after the usual end."""

from __future__ import annotations

import random

from creator.engine.poll_schedule import PollSchedule

SORT = ("image", "DALLE", "fast")


def _polls(plan: PollSchedule, seconds: float) -> tuple[int, float]:
    """Return how many polls a generation of this length takes, and how long after its end the last one is."""
    age, count = 0.0, 0
    while age < seconds:
        age += plan.pause_seconds(SORT, age)
        count += 1
    return count, age - seconds


def _trained() -> PollSchedule:
    plan, dice = PollSchedule(), random.Random(1)
    for _ in range(200):
        plan.learn(SORT, dice.uniform(30, 60))
    return plan


def test_polls_start_close_to_the_usual_end() -> None:
    """A generation that takes 30 to 60 s is not polled in its first 25."""
    assert _trained().pause_seconds(SORT, 0.0) > 25


def test_a_picture_is_found_soon_with_few_polls() -> None:
    """Half of them in less than a second, all in two, with at most twice the polls of a fixed 5 s."""
    plan, dice = _trained(), random.Random(2)
    lengths = [dice.uniform(30, 60) for _ in range(500)]
    polls = [_polls(plan, length) for length in lengths]
    assert sorted(late for _, late in polls)[250] < 0.9
    assert max(late for _, late in polls) <= 1.9
    assert sum(count for count, _ in polls) <= 2 * sum(length // 5 + 1 for length in lengths)


def test_an_unknown_sort_is_polled_early_and_then_less_often() -> None:
    """Without known durations the pause grows with the age, up to a limit."""
    plan = PollSchedule()
    assert plan.pause_seconds(SORT, 0) == 2.0
    assert plan.pause_seconds(SORT, 3) == 1.6
    assert plan.pause_seconds(SORT, 100) == 10.0
    assert plan.pause_seconds(SORT, 10_000) == 15.0
    assert plan.pause_seconds(("video", "DALLE", "standard"), 10_000) == 60.0


def test_a_late_generation_is_polled_less_and_less() -> None:
    """After the usual end the pause grows, up to its limit."""
    plan = _trained()
    pauses = [plan.pause_seconds(SORT, age) for age in (61, 90, 200, 800)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 15.0


def test_a_wide_span_is_polled_less_often() -> None:
    """If ends are spread over minutes, the pause is a share of the age."""
    plan = PollSchedule()
    for seconds in (10, 100, 200, 300, 400, 500, 600):
        plan.learn(SORT, seconds)
    assert plan.pause_seconds(SORT, 200) == 10.0


def test_the_schedule_follows_what_it_learns() -> None:
    """If generations become faster, the polls start earlier."""
    plan = _trained()
    for _ in range(200):
        plan.learn(SORT, 8.0)
    assert plan.pause_seconds(SORT, 0.0) < 8.0
