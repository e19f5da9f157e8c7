"""Growing texts: deltas, held-back beginnings and the answer as it finally stands."""

from __future__ import annotations

import random

from chat.protocol.sydney.text import AnswerText


def test_nothing_is_out_at_first() -> None:
    """An empty text has not begun and is blank."""
    text = AnswerText()
    assert (text.has_started, text.is_blank, text.streamed, text.final) == (False, True, "", "")
    assert text.update("b1", "") == ""
    assert not text.has_started


def test_white_space_is_out_but_blank() -> None:
    """What is out cannot be recalled, and is still no answer."""
    text = AnswerText()
    assert text.update("b1", " \n") == " \n"
    assert (text.has_started, text.is_blank) == (True, True)


def test_a_text_that_ends_blank_stands_as_it_was_streamed() -> None:
    """A final text of nothing does not erase an answer."""
    text = AnswerText()
    text.update("b1", "Four")
    assert text.settle("b1", "") == ""
    assert text.final == "Four"


def test_a_held_beginning_that_goes_another_way_is_a_new_message() -> None:
    """The second message begins like the first: it waits, and then none of it is lost."""
    text = AnswerText()
    assert text.update("b1", "I think so.") == "I think so."
    assert text.update("b2", "I") == ""
    assert text.update("b2", "I also") == "I also"
    assert (text.streamed, text.final) == ("I think so.I also",) * 2


def test_a_held_beginning_at_the_end_is_the_answer_made_shorter() -> None:
    """When a turn ends with less under another id, that is how the answer stands."""
    text = AnswerText()
    text.update("b1", "I think so.")
    assert text.settle("b2", "I think") == ""
    assert (text.streamed, text.final) == ("I think so.", "I think")


def test_two_messages_stand_in_order() -> None:
    """Each grows on its own; the final text keeps them apart."""
    text = AnswerText()
    grown = [("b1", "One. "), ("b2", "Two"), ("b1", "One! "), ("b2", "Two.")]
    assert [text.update(*step) for step in grown] == ["One. ", "Two", "", "."]
    assert (text.streamed, text.final) == ("One. Two.", "One! Two.")


def test_any_growth_gives_the_text() -> None:
    """However a text grows, shrinks and is repeated, its deltas join to the longest it was."""
    for seed in range(200):
        chance = random.Random(seed)
        whole = "".join(chance.choice("ab \n\u0301\U0001f315") for _ in range(chance.randrange(1, 60)))
        text = AnswerText()
        lengths = [chance.randrange(len(whole) + 1) for _ in range(20)]
        deltas = [text.update("b1", whole[:length]) for length in lengths]
        deltas.append(text.settle("b1", whole))
        assert "".join(deltas) == text.streamed == whole
