"""Polls that deserve a step in the timeline: changes, and at growing intervals a pending generation."""

from __future__ import annotations

from creator.models import EventKind
from creator.services.poll_log import MOST_CHANGES, PollLog


def test_pending_polls_log_seldom() -> None:
    """The first minute of polls has no step; then the pauses between steps double."""
    log = PollLog()
    ages = [age for age in range(2, 1000, 2) if log.note("", float(age))]
    assert ages == [60, 120, 240, 480, 960]
    assert str(log) == "499 polls"


def test_failures_are_logged_when_they_begin_and_end() -> None:
    """Not each time; the count says how often."""
    log = PollLog()
    lines = [log.note(failure, 1.0) for failure in ("", "down: x", "down: x", "down: y", "", "")]
    assert lines[1] == (EventKind.TROUBLE, "down: x")
    assert lines[4] == (EventKind.WAITING, "Bing answers again; 5 polls, 3 of them failed.")
    assert [lines[number] for number in (0, 2, 3, 5)] == [None] * 4


def test_an_unstable_bing_does_not_fill_the_table() -> None:
    """After MOST_CHANGES changes no more are logged."""
    log = PollLog()
    lines = [log.note("down" if number % 2 else "", 1.0) for number in range(100)]
    assert sum(line is not None for line in lines) == MOST_CHANGES
    assert str(log) == "100 polls, 50 of them failed"


def test_a_single_poll_is_singular() -> None:
    """The noun follows the number."""
    log = PollLog()
    log.note("", 1.0)
    assert str(log) == "1 poll"
