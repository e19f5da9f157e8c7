"""Pieces and replacements of text."""

from __future__ import annotations

from chat.protocol.copilot.text import CopilotAnswerText


def test_parts_are_in_the_order_of_their_first_piece() -> None:
    """Pieces are sent as they arrive."""
    answer = CopilotAnswerText()
    assert (answer.has_started, answer.is_blank, answer.final) == (False, True, "")
    out = [answer.append(*piece) for piece in (("0", "One "), ("1", "two"), ("0", "(1) "))]
    assert out == ["One ", "two", "(1) "]
    assert (answer.final, answer.streamed) == ("One (1) two", "One two(1) ")
    assert (answer.has_started, answer.is_blank) == (True, False)


def test_a_replacement_is_compared_with_the_sent_text_of_its_part() -> None:
    """A part that shrinks and grows again continues where it was; other parts do not matter."""
    answer = CopilotAnswerText()
    answer.append("0", "x")
    answer.append("1", "Hello")
    assert [answer.replace("1", text) for text in ("Hel", "Hello wor", "Hello world")] == ["", " wor", "ld"]
    assert answer.final == answer.streamed == "xHello world"


def test_pieces_after_a_rewrite_are_sent() -> None:
    """A later replacement extends the sent text only if it includes them."""
    answer = CopilotAnswerText()
    answer.append("0", "Hello")
    assert (answer.replace("0", "Help"), answer.append("0", " me")) == ("", " me")
    assert answer.replace("0", "Help me out") == ""
    assert answer.replace("0", "Hello me out") == " out"
    assert answer.final == "Hello me out"


def test_an_answer_that_is_emptied_stays_as_it_was_streamed() -> None:
    """A blank replacement is no answer."""
    answer = CopilotAnswerText()
    answer.append("0", "Hello")
    assert answer.replace_all(" ") == ""
    assert answer.final == "Hello"


def test_a_rewrite_discards_the_beginning_of_a_mark() -> None:
    """A piece that is appended later does not complete it."""
    answer = CopilotAnswerText()
    answer.append("0", "Tides\ue200ci")
    assert answer.replace("0", "Waves") == ""
    assert answer.append("0", "te") == "te"
    assert answer.final == "Waveste"
