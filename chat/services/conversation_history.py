"""What the stored turns of a conversation say, for replaying them to another upstream conversation."""

from __future__ import annotations

from dataclasses import replace

from bingproject.conf.environment import SettingError
from bingproject.errors import ConflictError
from chat.models import ANSWERED, Conversation
from chat.protocol.events import Message, Prompt
from chat.services.turn_state import ActiveTurn


def can_be_replayed(turn: ActiveTurn) -> bool:
    """True if the history is known: the caller sends it, or the texts of the named conversation were stored."""
    named = turn.request.conversation
    return named is None or not named.turns.filter(state__in=ANSWERED, prompt="", answer="").exists()


def is_bound(turn: ActiveTurn) -> bool:
    """True if the chat can only continue over the upstream conversation that it has."""
    return bool(turn.conversation.encrypted_credentials) and not can_be_replayed(turn)


def with_stored_history(conversation: Conversation, prompt: Prompt) -> Prompt:
    """Return the prompt with the stored history of a conversation that is known by its id.

    Raises: ConflictError when the texts were not stored, or cannot be decrypted, so that nothing can be replayed.
    """
    turns = list(conversation.turns.filter(state__in=ANSWERED).order_by("index"))
    if any(not (turn.prompt or turn.answer) for turn in turns):
        raise ConflictError("Bing's end of this conversation is gone, and its texts were not kept. Start a new one.")
    said = [
        message
        for turn in turns
        for message in (Message("user", turn.prompt), Message("assistant", turn.answer))
        if message.text
    ]
    return replace(prompt, system=prompt.system or _stored_system(conversation), history=tuple(said))


def _stored_system(conversation: Conversation) -> str:
    try:
        return conversation.system
    except SettingError as error:
        raise ConflictError(
            "This conversation was kept under a seal key that the server no longer has. Start a new one, or send its "
            "system prompt again."
        ) from error
