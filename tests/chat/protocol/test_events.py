"""The vocabulary: what a prompt asks, and how a history will tell it."""

from __future__ import annotations

from chat.protocol.events import SHOWN, Finished, Prompt, Said, Searching, TextDelta, Throttling


def test_the_question_is_all_since_the_last_answer() -> None:
    """Messages that lead up to the newest one are asked with it; alone it is asked as it is."""
    assert Prompt("", (), " 2+2? ").question == " 2+2? "
    assert Prompt("", (), "2+2?", lead=("And", "now")).question == "And\n\nnow\n\n2+2?"


def test_the_history_after_a_turn() -> None:
    """Question and answer join it, trimmed, or the question in the words a history has for it."""
    history = (Said("user", "Hi"), Said("assistant", "Hello"))
    assert Prompt("s", history, " 2+2? ").after("4\n") == (*history, Said("user", "2+2?"), Said("assistant", "4"))
    assert Prompt("s", (), "2+2?", told="2+2?\n[image 1]").after("4")[0] == Said("user", "2+2?\n[image 1]")


def test_what_shows_an_outcome() -> None:
    """Text and ends do; searches and figures may still be followed by a failure with a status of its own."""
    finished = Finished("4", "4", retire=False)
    assert isinstance(TextDelta("4"), SHOWN)
    assert isinstance(finished, SHOWN)
    assert not isinstance(Searching("tides"), SHOWN)
    assert not isinstance(Throttling(1, 30), SHOWN)
