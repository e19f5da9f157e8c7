"""What messages of either ChatHub say."""

from __future__ import annotations

from typing import Any

import pytest

from chat.protocol.chathub import Message, Refusal, parse_suggestions, parse_throttling
from chat.protocol.events import Throttling

_USED, _LIMIT = "numUserMessagesInConversation", "maxNumUserMessagesInConversation"


def test_a_refusal_is_noted_with_its_words() -> None:
    """An apology may go on, a disengagement ends the conversation; blank words do not replace others."""
    refusal = Refusal()
    assert (refusal.note(Message("Hi")), refusal.is_made) == (False, False)
    assert refusal.note(Message("Sorry.", content_origin="Apology"))
    assert (refusal.kind, refusal.text) == ("apology", "Sorry.")
    assert refusal.note(Message(" ", message_type="Disengaged"))
    assert (refusal.kind, refusal.text, refusal.is_final) == ("disengaged", "Sorry.", True)


def test_suggestions_are_texts() -> None:
    """Entries of another kind are left out."""
    assert parse_suggestions(Message(suggested_responses=[{"text": "Why?"}, {"text": ""}, {"text": 7}, 7])) == ("Why?",)
    assert parse_suggestions(Message(suggested_responses="Why?")) == ()


@pytest.mark.parametrize("value", [None, 7, {}, {_USED: True, _LIMIT: 30}, {_USED: 2, _LIMIT: "30"}])
def test_throttling_that_says_nothing(value: Any) -> None:
    """Both figures must be numbers."""
    assert parse_throttling(value) is None


def test_throttling() -> None:
    """Turns used, of how many."""
    figures = {_USED: 1, _LIMIT: 600}
    assert parse_throttling(figures) == Throttling(1, 600)
