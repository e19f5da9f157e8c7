"""Refusals: before text, after it, and when the stream ends without an end."""

from __future__ import annotations

import pytest

from chat.protocol.chathub import Refusal
from chat.protocol.events import Finished, Refused, TextDelta
from chat.protocol.sydney.records import Message
from tests.chat.protocol.sydney.turns import bot, greeted, play, record, reply, sample, success, update

WORDS = "Sorry, let us change the topic."
DISENGAGED = bot(None, "d1", messageType="Disengaged", hiddenText="> Conversation disengaged")


def test_a_refusal_is_noted_with_its_last_words() -> None:
    """Other messages are not refusals; of several words the last stand; a closed conversation stays closed."""
    refusal = Refusal()
    assert not refusal.note(Message(text="4", content_origin="DeepLeo"))
    assert not refusal.is_made
    assert refusal.note(Message(text="Sorry", content_origin="Apology"))
    assert (refusal.kind, refusal.text) == ("apology", "Sorry")
    assert refusal.note(Message(message_type="Disengaged"))
    assert refusal.note(Message(text=" ", content_origin="Apology"))
    assert (refusal.kind, refusal.text) == ("disengaged", "Sorry")


@pytest.mark.parametrize("name", ["apology_after_text", "apology_new_id"])
def test_row_16_an_apology_after_text_keeps_the_text(name: str) -> None:
    """Under the same id or another, the apology replaces nothing and is told as a refusal."""
    events, code = play(reply(), [sample(name)])
    assert code == ""
    assert [event for event in events if isinstance(event, TextDelta)] == [TextDelta("First you take the")]
    assert events[-2] == Refused(WORDS, "apology", after_text=True)
    assert events[-1] == Finished("First you take the", "First you take the", retire=False)


def test_row_15_an_apology_before_text_gives_its_words() -> None:
    """In an update or in the final record only: refused, with Bing's own words and no answer."""
    apology = bot(WORDS, contentOrigin="Apology")
    expected = [Refused(WORDS, "apology", after_text=False), Finished("", "", retire=False)]
    assert play(greeted(), [update(apology), success(apology)]) == (expected, "")
    assert play(greeted(), [success(apology)]) == (expected, "")


def test_row_15_disengaged_closes_the_conversation() -> None:
    """The words come from the apology behind it, and the conversation takes no further turn."""
    events, code = play(reply(), [sample("disengaged")])
    assert code == ""
    assert events[-2:] == [Refused(WORDS, "disengaged", after_text=False), Finished("", "", retire=True)]


def test_disengaged_without_words() -> None:
    """A refusal that says nothing is one all the same."""
    events, _ = play(greeted(), [update(bot("One")), success(DISENGAGED)])
    assert events[1:] == [Refused("", "disengaged", after_text=True), Finished("One", "One", retire=True)]


def test_text_after_a_refusal_is_not_shown() -> None:
    """Once withdrawn, an answer does not go on, and its sources are not told."""
    sources = [{"providerDisplayName": "A", "seeMoreUrl": "https://a.test"}]
    frames = [update(bot(WORDS, contentOrigin="Apology")), update(bot("More", sourceAttributions=sources)), success()]
    events, _ = play(greeted(), frames)
    assert events == [Refused(WORDS, "apology", after_text=False), Finished("", "", retire=False)]


@pytest.mark.parametrize("ending", ["closed", "timed out", record(type=7), record(type=3, error="x"), record(type=3)])
def test_a_refusal_survives_a_bad_end(ending: str) -> None:
    """What was refused is refused, however the stream ends."""
    turn = greeted()
    events = turn.receive(update(DISENGAGED))
    if ending == "closed":
        events += turn.closed(1006)
    elif ending == "timed out":
        events += turn.timed_out()
    else:
        events += turn.receive(ending)
    assert events == [Refused("", "disengaged", after_text=False), Finished("", "", retire=True)]
    assert turn.finished
