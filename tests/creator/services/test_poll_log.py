"""Which looks at a result are worth a line: changes, and ever more rarely that it is still going on."""

from __future__ import annotations

from creator.models import EventKind
from creator.services.looks import MOST_CHANGES, Looks


def test_not_yet_is_no_news() -> None:
    """A minute of looks leaves no line; then the pauses between lines double."""
    looks = Looks()
    ages = [age for age in range(2, 1000, 2) if looks.note("", float(age))]
    assert ages == [60, 120, 240, 480, 960]
    assert str(looks) == "499 looks"


def test_trouble_is_told_when_it_begins_and_when_it_ends() -> None:
    """Not each time; the count says how often."""
    looks = Looks()
    lines = [looks.note(trouble, 1.0) for trouble in ("", "down: x", "down: x", "down: y", "", "")]
    assert lines[1] == (EventKind.TROUBLE, "down: x")
    assert lines[4] == (EventKind.WAITING, "Bing answers again; 5 looks, 3 of them failed.")
    assert [lines[number] for number in (0, 2, 3, 5)] == [None] * 4


def test_a_bing_that_comes_and_goes_does_not_fill_the_table() -> None:
    """After so many changes no more are told."""
    looks = Looks()
    lines = [looks.note("down" if number % 2 else "", 1.0) for number in range(100)]
    assert sum(line is not None for line in lines) == MOST_CHANGES
    assert str(looks) == "100 looks, 50 of them failed"


def test_one_look_is_one() -> None:
    """The word follows the number."""
    looks = Looks()
    looks.note("", 1.0)
    assert str(looks) == "1 look"
