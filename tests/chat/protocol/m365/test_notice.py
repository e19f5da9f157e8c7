"""The rate-limit sentence."""

from __future__ import annotations

import pytest

from chat.protocol.m365.notice import LONGEST_NOTICE_CHARACTERS, PHRASES, NoticeGate


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_waits_wherever_it_is_cut(phrase: str) -> None:
    """In any letter case; only text in front of it may be sent."""
    sentence = f"Oh: {phrase.capitalize()}!"
    for at in range(len(sentence)):
        gate = NoticeGate()
        out = gate.feed(sentence[:at]) + gate.feed(sentence[at:])
        assert gate.has_notice
        assert sentence.startswith(out)
        assert len(out) < len(sentence)


@pytest.mark.parametrize("text", ["Hello", "tempo", "Too many requests", "the t", ""])
def test_other_text_passes(text: str) -> None:
    """It waits for the next piece at most."""
    gate = NoticeGate()
    assert gate.feed(text) + gate.feed(" and so on") == f"{text} and so on"
    assert not gate.has_notice


def test_a_repeated_beginning_still_waits() -> None:
    """The last one counts."""
    gate = NoticeGate()
    assert gate.feed("temporarily temporarily un") == "temporarily "


def test_waiting_text_is_sent_at_the_end() -> None:
    """Nothing followed the beginning of a phrase."""
    gate = NoticeGate()
    assert (gate.feed("It is temporarily"), gate.flush(), gate.flush()) == ("It is ", "temporarily", "")


def test_a_long_text_is_no_notice() -> None:
    """Whatever it quotes; the waiting text is sent, and from then on nothing waits."""
    gate = NoticeGate()
    assert gate.feed(PHRASES[0]) == ""
    rest = "x" * LONGEST_NOTICE_CHARACTERS
    assert gate.feed(rest) == PHRASES[0] + rest
    assert (gate.feed(PHRASES[0]), gate.has_notice) == (PHRASES[0], False)
