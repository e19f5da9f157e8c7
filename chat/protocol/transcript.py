"""A conversation's history: shortened to fit, rendered for a replay, and hashed to the key that finds it.

Source: docs/wire/chathub.md, section 4.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from bingproject.errors import InvalidRequestError
from chat.protocol.events import Message, Prompt

# The markers of four other clients (section 4.4).
_MARKERS = {
    "system": "[system](#additional_instructions)",
    "user": "[user](#message)",
    "assistant": "[assistant](#message)",
}
_BLANK_LINE = "\n\n"
_QUESTION_MARKER = f"{_MARKERS['user']}\n"
# Part of every key. Raise it when the normal form changes, so that old keys match nothing instead of the wrong chat.
_KEY_VERSION = 1
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits into one turn, and the number of oldest turns that were dropped."""

    prompt: Prompt
    dropped: int


def check_newest(prompt: Prompt, limit: int) -> None:
    """Refuse new messages or a system prompt above the limit. These are never shortened.

    Args:
        prompt: What the caller sends.
        limit: Characters of one turn.

    Raises:
        InvalidRequestError: `context_length_exceeded`.
    """
    if len(prompt.question) > limit:
        raise _too_long("new messages" if prompt.lead else "newest message", limit, len(prompt.question))
    if len(prompt.system) > limit:
        raise _too_long("system prompt", limit, len(prompt.system))


def with_style_instruction(prompt: Prompt, style_instruction: str) -> Prompt:
    """Return the prompt with the instruction in front of its system prompt. "" adds nothing."""
    if not style_instruction:
        return prompt
    return replace(prompt, system=_BLANK_LINE.join(filter(None, (style_instruction, prompt.system))))


def fit(
    prompt: Prompt, limit: int, *, replays: bool = True, prepends: bool = False, keeps_history: bool = False
) -> Fitted:
    """Drop the oldest turns until the rest fits into one turn.

    The system prompt, the new messages and the first user message stay: they say what the chat is about
    (docs/decisions.md, 87).

    Args:
        prompt: What the caller sends.
        limit: Characters of one turn.
        replays: False if the history is not sent, and so does not count.
        prepends: True if everything is sent as one text, as `prepend` renders it. False if the new messages are sent
            beside system prompt and history: then the parts that must stay are measured separately.
        keeps_history: True to refuse a history that does not fit as a whole.

    Raises:
        InvalidRequestError: `context_length_exceeded`: the parts that must stay do not fit.
    """
    check_newest(prompt, limit)
    if not replays:
        return Fitted(prompt, 0)
    turns = _turns(prompt.history)
    first_index, first = _first_user_message(turns)
    # What must stay in front of the question, and what else is sent with it.
    before = _size((first,) if first else (), prompt.system)
    marker = len(_QUESTION_MARKER) if prepends else 0
    fixed = before + marker if before else 0
    # As one text everything counts together. Otherwise Bing's context and its message have a limit each, and the blank
    # line at the context's end is not sent.
    if prepends:
        _check_together(prompt, fixed + len(prompt.question), limit, has_first=first is not None, has_newest=True)
    elif first is not None:
        _check_together(prompt, before - len(_BLANK_LINE), limit, has_first=True, has_newest=False)
    # The first user message is counted in `fixed`, so its turn has only the rest here.
    rest = [
        tuple(message for message in turn if message is not first) if at == first_index else turn
        for at, turn in enumerate(turns)
    ]
    sized = [(turn, _size(turn)) for turn in rest]
    room = limit - (fixed or marker) - len(prompt.question)
    # A turn is kept or dropped as a whole: half of one would be an answer without its question.
    kept = _newest_that_fit(sized, room)
    dropped = len(turns) - len(kept)
    if not dropped:
        return Fitted(prompt, 0)
    if keeps_history:  # the setting CHAT_OVERFLOW
        raise _too_long("whole chat", limit, limit - room + sum(size for _, size in sized))
    history = (*((first,) if first else ()), *(message for turn in kept for message in turn))
    return Fitted(replace(prompt, history=history), dropped)


def render(prompt: Prompt) -> str:
    """Return system prompt and history as one text, for a conversation that starts in the middle.

    Each message has a marker in front, and blank ones are left out. A system prompt without a history has no marker.
    """
    if not prompt.history:
        return prompt.system
    return _render_all(prompt).removesuffix(_BLANK_LINE)


def prepend(prompt: Prompt) -> str:
    """Return system prompt, history and question as one text, for back ends that take nothing else.

    Each has a marker in front. A question alone has none. Source: docs/wire/copilot.md, section 3.
    """
    before = _render_all(prompt)
    return f"{before}{_QUESTION_MARKER}{prompt.question}" if before else prompt.question


def merge(history: Iterable[Message]) -> tuple[Message, ...]:
    """Return the history with trimmed texts, and with consecutive messages of one role joined."""
    merged: list[Message] = []
    for message in history:
        text = message.text.strip()
        if merged and merged[-1].role == message.role:
            text = f"{merged.pop().text}{_BLANK_LINE}{text}"
        merged.append(Message(message.role, text))
    return tuple(merged)


def hash_history(caller_id: str, model: str, system: str, history: Iterable[Message]) -> str:
    """Return the key that finds a conversation: 64 hex digits from caller, model, system prompt and history.

    Histories that differ only in white space around texts have the same key, since clients trim what they send back.
    """
    messages = [(message.role, message.text) for message in merge(history)]
    return hashlib.sha256(msgspec.json.encode([_KEY_VERSION, caller_id, model, system.strip(), messages])).hexdigest()


def _render_all(prompt: Prompt) -> str:
    rendered = [_render_message("system", prompt.system)] if prompt.system else []
    rendered += [_render_message(message.role, message.text) for message in prompt.history if message.text.strip()]
    return "".join(rendered)


def _check_together(prompt: Prompt, size: int, limit: int, *, has_first: bool, has_newest: bool) -> None:
    if size <= limit:
        return
    parts = ["system prompt"] if prompt.system else []
    parts += ["first user message"] if has_first else []
    parts += ["new messages" if prompt.lead else "newest message"] if has_newest else []
    together = " together" if len(parts) > 1 else ""
    raise _too_long(" and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) + together, limit, size)


def _too_long(what: str, limit: int, size: int) -> InvalidRequestError:
    # Clients search for "maximum context length" to know that they must shorten the chat.
    verb, has = ("are", "they have") if " and " in what or what.endswith("s") else ("is", "it has")
    return InvalidRequestError(
        f"The {what} {verb} too long: this model's maximum context length is {limit} characters a turn, "
        f"and {has} {size} characters. Shorten what you send, or start a new chat.",
        code="context_length_exceeded",
        param="messages",
    )


def _render_message(role: str, text: str) -> str:
    # The system prompt is sent unchanged; messages are trimmed, as in the history key.
    return f"{_MARKERS[role]}\n{text.strip() if role != 'system' else text}{_BLANK_LINE}"


def _size(messages: Iterable[Message], system: str = "") -> int:
    """Return the number of characters that `_render_all` needs for them."""
    size = len(_render_message("system", system)) if system else 0
    return size + sum(len(_render_message(message.role, message.text)) for message in messages if message.text.strip())


def _turns(history: tuple[Message, ...]) -> list[tuple[Message, ...]]:
    """Split the history into turns. A user message after an answer begins one."""
    turns: list[list[Message]] = []
    for message in history:
        is_new = not turns or (message.role == "user" and turns[-1][-1].role == "assistant")
        if is_new:
            turns.append([])
        turns[-1].append(message)
    return [tuple(turn) for turn in turns]


def _first_user_message(turns: Sequence[Sequence[Message]]) -> tuple[int, Message | None]:
    """Return the first user message that is not blank, and the index of its turn."""
    found = (
        (at, message)
        for at, turn in enumerate(turns)
        for message in turn
        if message.role == "user" and message.text.strip()
    )
    return next(found, (-1, None))


def _newest_that_fit(items: Sequence[tuple[Item, int]], room: int) -> list[Item]:
    """Return the newest items whose sizes fit into the room, in their order."""
    kept: list[Item] = []
    for item, size in reversed(items):
        if size and size > room:  # nothing older may follow a gap
            break
        kept.append(item)
        room -= size
    return kept[::-1]
