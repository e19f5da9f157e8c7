"""Prompts, histories and decisive events."""

from __future__ import annotations

from chat.protocol.events import DECISIVE_EVENTS, Finished, Message, Prompt, Searching, TextDelta, Throttling


def test_the_question_is_all_new_messages() -> None:
    """Messages in front of the newest one are joined with it; alone it stays unchanged."""
    assert Prompt("", (), " 2+2? ").question == " 2+2? "
    assert Prompt("", (), "2+2?", lead=("And", "now")).question == "And\n\nnow\n\n2+2?"


def test_the_history_after_a_turn() -> None:
    """Question and answer are added, trimmed; the canonical question replaces the plain one."""
    history = (Message("user", "Hi"), Message("assistant", "Hello"))
    assert Prompt("s", history, " 2+2? ").after("4\n") == (
        *history,
        Message("user", "2+2?"),
        Message("assistant", "4"),
    )
    assert Prompt("s", (), "2+2?", canonical="2+2?\n[image 1]").after("4")[0] == Message("user", "2+2?\n[image 1]")


def test_only_text_and_ends_are_decisive() -> None:
    """After a search or throttling a failure can still have a status of its own."""
    finished = Finished("4", "4", retire=False)
    assert isinstance(TextDelta("4"), DECISIVE_EVENTS)
    assert isinstance(finished, DECISIVE_EVENTS)
    assert not isinstance(Searching("tides"), DECISIVE_EVENTS)
    assert not isinstance(Throttling(1, 30), DECISIVE_EVENTS)
