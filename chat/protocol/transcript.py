"""A conversation's history: made to fit, written out for a replay, and reduced to the key it is found by.

Source: docs/wire/chathub.md, section 4.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from bingproject.errors import InvalidRequestError
from chat.protocol.events import Prompt, Said

_MARKERS = {
    "system": "[system](#additional_instructions)",
    "user": "[user](#message)",
    "assistant": "[assistant](#message)",
}
_BLANK_LINE = "\n\n"
_QUESTION_MARK = f"{_MARKERS['user']}\n"
# Part of every key: changes when the normal form does, so that old keys are missed and not misread.
_KEY_VERSION = 1
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt that fits into one turn, and how many of its oldest turns had to go."""

    prompt: Prompt
    dropped: int


def check_newest(prompt: Prompt, limit: int) -> None:
    """Refuse what cannot be made to fit, before anything is spent on it.

    Units: `limit` in characters. Raises: InvalidRequestError context_length_exceeded.
    """
    for what, text in (("newest message", prompt.newest), ("system prompt", prompt.system)):
        if len(text) > limit:
            raise _too_long(f"{what} is", limit, len(text))


def check_opening(prompt: Prompt, limit: int) -> None:
    """Refuse what cannot open a conversation as one text, however little of the history goes along.

    Units: `limit` in characters. Raises: InvalidRequestError context_length_exceeded.
    """
    check_newest(prompt, limit)
    size = len(_written("system", prompt.system)) + len(_QUESTION_MARK) + len(prompt.newest)
    if prompt.system and size > limit:
        raise _too_long("system prompt and newest message together are", limit, size)


def styled(prompt: Prompt, style_line: str) -> Prompt:
    """The prompt with a line about the style before its system prompt, if there is one to be told."""
    if not style_line:
        return prompt
    return replace(prompt, system=_BLANK_LINE.join(filter(None, (style_line, prompt.system))))


def fit(prompt: Prompt, limit: int, *, replays: bool = True, prepends: bool = False) -> Fitted:
    """Drop the oldest turns until the rest fits into one turn; the system prompt and the newest message stay.

    Shape: with `replays` False the history is not sent and does not count; with `prepends` True all of it goes out as
    one text, the way `prepend` writes it, so that system prompt and newest message must fit together.
    Units: `limit` in characters. Raises: as `check_newest`, or `check_opening`.
    """
    if prepends and replays:
        check_opening(prompt, limit)
    else:
        check_newest(prompt, limit)
    mark = len(_QUESTION_MARK) if prepends and replays else 0
    head = len(_written("system", prompt.system)) + mark if replays and prompt.system else 0
    room = limit - head - len(prompt.newest)
    lead, room = _newest_that_fit([(text, len(text) + len(_BLANK_LINE)) for text in prompt.lead], room)
    dropped = len(prompt.lead) - len(lead)
    if not replays:
        return Fitted(replace(prompt, lead=tuple(lead)), dropped)
    turns = _turns(prompt.history)
    # When messages after the history are out already, what came before them must not stand in their place.
    sized = [(turn, sum(len(_written(said.role, said.text)) for said in turn)) for turn in turns]
    kept, _ = _newest_that_fit([] if dropped else sized, room if head else room - mark)
    history = tuple(said for turn in kept for said in turn)
    return Fitted(replace(prompt, lead=tuple(lead), history=history), dropped + len(turns) - len(kept))


def render(prompt: Prompt) -> str:
    """System prompt and history as one text with markers, for a conversation that starts in the middle.

    Shape: the system prompt alone stays as it is; texts that are blank are left out.
    """
    if not prompt.history:
        return prompt.system
    return _written_out(prompt).removesuffix(_BLANK_LINE)


def prepend(prompt: Prompt) -> str:
    """System prompt, history and question as one text, for back ends that have no other way in.

    Shape: the question alone stays as it is; behind anything else it has a marker of its own.
    """
    before = _written_out(prompt)
    return f"{before}{_QUESTION_MARK}{prompt.question}" if before else prompt.question


def merge(history: Iterable[Said]) -> tuple[Said, ...]:
    """The history with trimmed texts, and neighbours of one role as one."""
    merged: list[Said] = []
    for said in history:
        text = said.text.strip()
        if merged and merged[-1].role == said.role:
            text = f"{merged.pop().text}{_BLANK_LINE}{text}"
        merged.append(Said(said.role, text))
    return tuple(merged)


def hash_history(holder: str, model: str, system: str, history: Iterable[Said]) -> str:
    """The key a conversation is found by: who, with which model, and all that was said so far.

    Shape: 64 hex digits; equal for histories that differ only in white space around texts.
    """
    said = [(said.role, said.text) for said in merge(history)]
    return hashlib.sha256(msgspec.json.encode([_KEY_VERSION, holder, model, system.strip(), said])).hexdigest()


def _written_out(prompt: Prompt) -> str:
    written = [_written("system", prompt.system)] if prompt.system else []
    written += [_written(said.role, said.text) for said in prompt.history if said.text.strip()]
    return "".join(written)


def _too_long(what: str, limit: int, size: int) -> InvalidRequestError:
    # Clients look for these very words to know that they must shorten the chat.
    return InvalidRequestError(
        f"The {what} too long: this model's maximum context length is {limit} characters a turn, "
        f"and it has {size}. Shorten it.",
        code="context_length_exceeded",
        param="messages",
    )


def _written(role: str, text: str) -> str:
    return f"{_MARKERS[role]}\n{text.strip() if role != 'system' else text}{_BLANK_LINE}"


def _turns(history: tuple[Said, ...]) -> list[tuple[Said, ...]]:
    """The history in turns: each begins where the user speaks after an answer."""
    turns: list[list[Said]] = []
    for said in history:
        is_new = not turns or (said.role == "user" and turns[-1][-1].role == "assistant")
        if is_new:
            turns.append([])
        turns[-1].append(said)
    return [tuple(turn) for turn in turns]


def _newest_that_fit(items: Sequence[tuple[Item, int]], room: int) -> tuple[list[Item], int]:
    """The last of the sized items that fit into the room, in their order, and the room that is left."""
    kept: list[Item] = []
    for item, size in reversed(items):
        if size > room:
            break
        kept.append(item)
        room -= size
    return kept[::-1], room
