"""Whole texts and pieces become one answer."""

from __future__ import annotations

from chat.protocol.m365.text import AnswerText


def test_an_answer_begins_empty() -> None:
    """Nothing is out, and nothing stands."""
    answer = AnswerText()
    assert (answer.has_started, answer.is_blank, answer.final, answer.streamed) == (False, True, "", "")


def test_pieces_and_whole_texts_overlap() -> None:
    """Each character goes out once."""
    answer = AnswerText()
    out = [
        answer.update("Hel"),
        answer.append("lo"),
        answer.append(" y"),
        answer.update("Hello"),
        answer.update("Hello you"),
    ]
    assert out == ["Hel", "lo", " y", "", "ou"]
    assert answer.final == answer.streamed == "Hello you"


def test_a_rewriting_that_is_taken_back_is_forgotten() -> None:
    """The last word counts."""
    answer = AnswerText()
    answer.append("Hello")
    assert (answer.update("Help"), answer.final) == ("", "Help")
    assert (answer.update("Hello you"), answer.final) == (" you", "Hello you")


def test_marks_are_stripped_in_both_streams() -> None:
    """Also from the answer as it finally stands."""
    answer = AnswerText()
    out = [answer.append("a\ue200ci"), answer.update("a\ue200cite\ue202turn0search1\ue201b"), answer.append("c")]
    assert out == ["a", "b", "c"]
    assert answer.final == answer.streamed == "abc"


def test_an_answer_that_nothing_ends_stays_as_it_is() -> None:
    """Without a final text what is known is the answer."""
    answer = AnswerText()
    answer.append("temporarily")
    assert (answer.streamed, answer.settle(())) == ("", "temporarily")
    assert answer.final == "temporarily"
