"""The parts of a message that both ChatHubs have: refusals, suggestions, turns used.

Source: docs/wire/chathub.md, sections 5.3 and 5.5.
"""

from __future__ import annotations

from typing import Any

from chat.protocol.chathub.records import HubMessage
from chat.protocol.events import RefusalKind, Throttling

_USED, _LIMIT = "numUserMessagesInConversation", "maxNumUserMessagesInConversation"


class TurnRefusal:
    """What is known so far of a refusal. Its text often arrives later, so the turn reports it at the end."""

    __slots__ = ("is_final", "is_made", "text")

    def __init__(self) -> None:
        self.is_made = False
        self.is_final = False
        self.text = ""

    @property
    def kind(self) -> RefusalKind:
        """Return "disengaged" if the refusal closes the upstream conversation."""
        return "disengaged" if self.is_final else "apology"

    def note(self, message: HubMessage) -> bool:
        """Remember a message that refuses. Return False for any other message."""
        is_apology = message.content_origin == "Apology"
        is_disengaged = message.message_type == "Disengaged"
        if not (is_apology or is_disengaged):
            return False
        self.is_made = True
        self.is_final = self.is_final or is_disengaged
        # A "Disengaged" has no text and must not remove that of an apology.
        if isinstance(message.text, str) and message.text.strip():
            self.text = message.text
        return True


def parse_suggestions(message: HubMessage) -> tuple[str, ...]:
    """Return the questions that the message suggests to ask next."""
    listed = message.suggested_responses if isinstance(message.suggested_responses, list) else []
    texts = [entry.get("text") for entry in listed if isinstance(entry, dict)]
    return tuple(text for text in texts if isinstance(text, str) and text)


def parse_throttling(value: Any) -> Throttling | None:
    """Return the turns used of the conversation. None if the value does not say."""
    if not isinstance(value, dict):
        return None
    used, limit = value.get(_USED), value.get(_LIMIT)
    # `type`, since a JSON true is an int for `isinstance`.
    return Throttling(used, limit) if type(used) is int and type(limit) is int else None
