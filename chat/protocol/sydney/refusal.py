"""How Bing refuses: by an apology in the answer's place, or by ending the conversation.

Source: docs/wire/chathub.md, section 5.5.
"""

from __future__ import annotations

from chat.protocol.events import RefusalKind
from chat.protocol.sydney.records import Message


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
