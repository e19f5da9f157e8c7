"""The sentence that comes in an answer's place."""

from __future__ import annotations

import pytest

from chat.protocol.m365.notice import LONGEST_NOTICE_CHARACTERS, PHRASES, NoticeGate


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_is_held_back_wherever_it_is_cut(phrase: str) -> None:
    """In any letter case; only what stood before it may be out."""
    sentence = f"Oh: {phrase.capitalize()}!"
    for at in range(len(sentence)):
        gate = NoticeGate()
        out = gate.feed(sentence[:at]) + gate.feed(sentence[at:])
        assert gate.has_notice
        assert sentence.startswith(out)
        assert len(out) < len(sentence)


@pytest.mark.parametrize("text", ["Hello", "tempo", "Too many requests", "the t", ""])
def test_other_text_goes_through(text: str) -> None:
    """At the latest with what follows."""
    gate = NoticeGate()
    assert gate.feed(text) + gate.feed(" and so on") == f"{text} and so on"
    assert not gate.has_notice


def test_a_beginning_that_begins_again() -> None:
    """The last one counts."""
    gate = NoticeGate()
    assert gate.feed("temporarily temporarily un") == "temporarily "


def test_what_waits_comes_out_at_the_end() -> None:
    """A beginning that nothing follows."""
    gate = NoticeGate()
    assert (gate.feed("It is temporarily"), gate.flush(), gate.flush()) == ("It is ", "temporarily", "")


def test_a_long_text_is_no_notice() -> None:
    """Whatever it quotes; all that waited goes out, and then nothing waits any more."""
    gate = NoticeGate()
    assert gate.feed(PHRASES[0]) == ""
    rest = "x" * LONGEST_NOTICE_CHARACTERS
    assert gate.feed(rest) == PHRASES[0] + rest
    assert (gate.feed(PHRASES[0]), gate.has_notice) == (PHRASES[0], False)
