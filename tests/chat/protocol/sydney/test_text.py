"""Growing texts: deltas, undecided messages and the final answer."""

from __future__ import annotations

import random

from chat.protocol.sydney.text import SydneyAnswerText


def test_nothing_is_sent_at_first() -> None:
    """An empty text has not started and is blank."""
    text = SydneyAnswerText()
    assert (text.has_started, text.is_blank, text.streamed, text.final) == (False, True, "", "")
    assert text.update("b1", "") == ""
    assert not text.has_started


def test_sent_white_space_is_blank() -> None:
    """Sent text cannot be recalled, and is still no answer."""
    text = SydneyAnswerText()
    assert text.update("b1", " \n") == " \n"
    assert (text.has_started, text.is_blank) == (True, True)


def test_a_blank_final_text_keeps_the_streamed_one() -> None:
    """It does not erase an answer."""
    text = SydneyAnswerText()
    text.update("b1", "Four")
    assert text.finish("b1", "") == ""
    assert text.final == "Four"


def test_an_undecided_message_that_differs_is_a_new_one() -> None:
    """The second message begins like the first: it waits, and then none of it is lost."""
    text = SydneyAnswerText()
    assert text.update("b1", "I think so.") == "I think so."
    assert text.update("b2", "I") == ""
    assert text.update("b2", "I also") == "I also"
    assert (text.streamed, text.final) == ("I think so.I also",) * 2


def test_an_undecided_message_at_the_end_is_a_shorter_answer() -> None:
    """If a turn ends with less text under another id, that is the final text."""
    text = SydneyAnswerText()
    text.update("b1", "I think so.")
    assert text.finish("b2", "I think") == ""
    assert (text.streamed, text.final) == ("I think so.", "I think")


def test_two_messages_stay_in_order() -> None:
    """Each grows on its own; the final text has both."""
    text = SydneyAnswerText()
    grown = [("b1", "One. "), ("b2", "Two"), ("b1", "One! "), ("b2", "Two.")]
    assert [text.update(*step) for step in grown] == ["One. ", "Two", "", "."]
    assert (text.streamed, text.final) == ("One. Two.", "One! Two.")


def test_any_growth_gives_the_text() -> None:
    """However a text grows, shrinks and repeats, its deltas join to the longest version."""
    for seed in range(200):
        chance = random.Random(seed)
        whole = "".join(chance.choice("ab \n\u0301\U0001f315") for _ in range(chance.randrange(1, 60)))
        text = SydneyAnswerText()
        lengths = [chance.randrange(len(whole) + 1) for _ in range(20)]
        deltas = [text.update("b1", whole[:length]) for length in lengths]
        deltas.append(text.finish("b1", whole))
        assert "".join(deltas) == text.streamed == whole
