"""Whole texts and pieces become one answer."""

from __future__ import annotations

from chat.protocol.m365.text import M365AnswerText


def test_an_answer_begins_empty() -> None:
    """Nothing was sent, and the final text is empty."""
    answer = M365AnswerText()
    assert (answer.has_started, answer.is_blank, answer.final, answer.streamed) == (False, True, "", "")


def test_pieces_and_whole_texts_overlap() -> None:
    """Each character is sent once."""
    answer = M365AnswerText()
    out = [
        answer.update("Hel"),
        answer.append("lo"),
        answer.append(" y"),
        answer.update("Hello"),
        answer.update("Hello you"),
    ]
    assert out == ["Hel", "lo", " y", "", "ou"]
    assert answer.final == answer.streamed == "Hello you"


def test_a_rewrite_that_is_taken_back_is_forgotten() -> None:
    """The latest text counts."""
    answer = M365AnswerText()
    answer.append("Hello")
    assert (answer.update("Help"), answer.final) == ("", "Help")
    assert (answer.update("Hello you"), answer.final) == (" you", "Hello you")


def test_marks_are_stripped_in_both_streams() -> None:
    """From the final text, too."""
    answer = M365AnswerText()
    out = [answer.append("a\ue200ci"), answer.update("a\ue200cite\ue202turn0search1\ue201b"), answer.append("c")]
    assert out == ["a", "b", "c"]
    assert answer.final == answer.streamed == "abc"


def test_without_a_final_text_the_known_text_is_the_answer() -> None:
    """Waiting text is sent."""
    answer = M365AnswerText()
    answer.append("temporarily")
    assert (answer.streamed, answer.finish(())) == ("", "temporarily")
    assert answer.final == "temporarily"
