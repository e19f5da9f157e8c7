"""What messages of either ChatHub say: refusals, suggestions, turns used.

Source: docs/wire/chathub.md, sections 5.3 and 5.5.
"""

from __future__ import annotations

from typing import Any

from chat.protocol.chathub.records import Message
from chat.protocol.events import RefusalKind, Throttling

_USED, _LIMIT = "numUserMessagesInConversation", "maxNumUserMessagesInConversation"


class Refusal:
    """What is known of a refusal in one turn. The words often come after the fact, so it is told at the end."""

    __slots__ = ("is_final", "is_made", "text")

    def __init__(self) -> None:
        self.is_made = False
        self.is_final = False
        self.text = ""

    @property
    def kind(self) -> RefusalKind:
        """Whether the conversation is over with it."""
        return "disengaged" if self.is_final else "apology"

    def note(self, message: Message) -> bool:
        """Whether a message refuses; if so, remember how and in which words."""
        is_apology = message.content_origin == "Apology"
        is_disengaged = message.message_type == "Disengaged"
        if not (is_apology or is_disengaged):
            return False
        self.is_made = True
        self.is_final = self.is_final or is_disengaged
        if isinstance(message.text, str) and message.text.strip():
            self.text = message.text
        return True


def parse_suggestions(message: Message) -> tuple[str, ...]:
    """What the caller might ask next."""
    listed = message.suggested_responses if isinstance(message.suggested_responses, list) else []
    texts = [entry.get("text") for entry in listed if isinstance(entry, dict)]
    return tuple(text for text in texts if isinstance(text, str) and text)


def parse_throttling(value: Any) -> Throttling | None:
    """How many turns of the conversation are used; None when it does not say."""
    if not isinstance(value, dict):
        return None
    used, limit = value.get(_USED), value.get(_LIMIT)
    return Throttling(used, limit) if type(used) is int and type(limit) is int else None
