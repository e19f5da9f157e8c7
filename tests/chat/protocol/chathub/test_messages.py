"""The parts of a message that both ChatHubs have."""

from __future__ import annotations

from typing import Any

import pytest

from chat.protocol.chathub import HubMessage, TurnRefusal, parse_suggestions, parse_throttling
from chat.protocol.events import Throttling

_USED, _LIMIT = "numUserMessagesInConversation", "maxNumUserMessagesInConversation"


def test_a_refusal_is_noted_with_its_text() -> None:
    """An apology leaves the conversation open, a disengagement ends it; a blank text replaces no other."""
    refusal = TurnRefusal()
    assert (refusal.note(HubMessage("Hi")), refusal.is_made) == (False, False)
    assert refusal.note(HubMessage("Sorry.", content_origin="Apology"))
    assert (refusal.kind, refusal.text) == ("apology", "Sorry.")
    assert refusal.note(HubMessage(" ", message_type="Disengaged"))
    assert (refusal.kind, refusal.text, refusal.is_final) == ("disengaged", "Sorry.", True)


def test_suggestions_are_texts() -> None:
    """Entries of another type are left out."""
    assert parse_suggestions(HubMessage(suggested_responses=[{"text": "Why?"}, {"text": ""}, {"text": 7}, 7])) == (
        "Why?",
    )
    assert parse_suggestions(HubMessage(suggested_responses="Why?")) == ()


@pytest.mark.parametrize("value", [None, 7, {}, {_USED: True, _LIMIT: 30}, {_USED: 2, _LIMIT: "30"}])
def test_throttling_without_figures_is_none(value: Any) -> None:
    """Both figures must be numbers."""
    assert parse_throttling(value) is None


def test_throttling_is_turns_used_and_the_limit() -> None:
    """Both are numbers of turns."""
    figures = {_USED: 1, _LIMIT: 600}
    assert parse_throttling(figures) == Throttling(1, 600)
