"""Turn OpenAI's messages into one prompt: the system prompt, the history, the new messages.

Source: docs/contracts.md, "Chat"; docs/wire/chathub.md, section 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chat.openai_format.annotations import strip_inline_annotations
from chat.openai_format.parts import EMPTY, Content, invalid, load_image, read_content
from chat.protocol.events import Message, Prompt

# OpenAI's newer models have "developer" for "system".
SYSTEM_ROLES = ("system", "developer")
# "function" is the older name.
TOOL_ROLES = ("tool", "function")
ROLES = (*SYSTEM_ROLES, "user", "assistant", *TOOL_ROLES)
# The question of a request whose last message is the assistant's: it asks for the rest of that answer.
GO_ON = "Go on with your last message from where it ends, without repeating any of it."
_BLANK_LINE = "\n\n"


@dataclass(frozen=True, slots=True)
class _CheckedMessage:
    """One message after its checks. The result of a tool has the role "user"."""

    role: str
    content: Content
    field: str


def parse_messages(messages: Any) -> Prompt:
    """Check a request's messages and return them as a prompt.

    Raises:
        InvalidRequestError: It names the field at fault, e.g. `messages[2].content[0].image_url.url`.
    """
    if not isinstance(messages, list):
        raise invalid("messages must be a list of messages.", "messages")
    if not messages:
        raise invalid("messages must not be empty.", "messages")
    listed = _without_empty_end(messages)
    if not listed:
        raise invalid("The last message must not be blank.", f"messages[{len(messages) - 1}].content")
    # Messages up to the last answer are history, for which other rules apply: see chat.openai_format.parts.
    past_count = max(
        (position for position, message in enumerate(listed, 1) if _role(message) == "assistant"), default=0
    )
    tool_names: dict[str, str] = {}
    read = _assign_roles(
        [
            _message(message, f"messages[{index}]", tool_names, is_past=index < past_count)
            for index, message in enumerate(listed)
        ]
    )
    system = [message.content for message in read if message.role == "system"]
    dialogue = [message for message in read if message.role != "system"]
    first_new = max(
        (position for position, message in enumerate(dialogue, 1) if message.role == "assistant"), default=0
    )
    new = dialogue[first_new:] or [_CheckedMessage("user", Content(GO_ON, GO_ON), f"messages[{len(listed) - 1}]")]
    return _prompt(system, dialogue[:first_new], new)


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _without_empty_end(messages: Sequence[Any]) -> Sequence[Any]:
    """Remove empty messages of the assistant at the end: clients add one as a placeholder for the answer."""
    count = len(messages)
    while count and _role(messages[count - 1]) == "assistant" and not _has_text(messages[count - 1]):
        count -= 1
    return messages[:count]


def _has_text(message: dict[str, Any]) -> bool:
    content = message.get("content")
    return bool(content.strip() if isinstance(content, str) else content) or bool(message.get("refusal"))


def _assign_roles(read: list[_CheckedMessage]) -> list[_CheckedMessage]:
    """Return the messages with some system messages as the user's, where only a question reaches the back end.

    A system message at the end, or in front of an answer, becomes part of the question: an upstream conversation that
    continues gets nothing else. If there are only system messages, the last one with text is the question. All others
    are the system prompt.
    """
    lead_count = next((position for position, message in enumerate(read) if message.role != "system"), len(read))
    if lead_count == len(read):
        asking = max(
            (position for position, message in enumerate(read) if message.content.trimmed), default=len(read) - 1
        )
        return [
            replace(message, role="user") if position == asking else message for position, message in enumerate(read)
        ]
    assigned: list[_CheckedMessage] = []
    is_before_answer = True
    for message in reversed(read[lead_count:]):
        if message.role != "system":
            is_before_answer = message.role == "assistant"
        elif is_before_answer and message.content.trimmed:
            message = replace(message, role="user")
        assigned.append(message)
    return read[:lead_count] + assigned[::-1]


def _prompt(system: list[Content], past: list[_CheckedMessage], new: list[_CheckedMessage]) -> Prompt:
    images = tuple(load_image(image, message.field) for message in new for image in message.content.images)
    # A picture alone is a question.
    if not images and not any(message.content.trimmed for message in new):
        raise invalid("The last message must not be blank.", f"{new[-1].field}.content")
    lead = tuple(message.content.text for message in new[:-1] if message.content.trimmed)
    return Prompt(
        system=_BLANK_LINE.join(content.text for content in system),
        history=_history(past),
        newest=new[-1].content.text,
        images=images,
        lead=lead,
        canonical=_canonical([message.content for message in new]),
        canonical_system=_canonical(system),
    )


def _history(past: list[_CheckedMessage]) -> tuple[Message, ...]:
    """Return the history. Consecutive messages of the user become one."""
    history: list[Message] = []
    run: list[Content] = []
    for message in past:
        if message.role == "user":
            run.append(message.content)
            continue
        if run:
            history.append(Message("user", _canonical(run)))
            run = []
        history.append(Message("assistant", message.content.trimmed))
    return tuple(history)


def _canonical(run: list[Content]) -> str:
    """Return a run of messages as one text with marks for pictures: the same however a client splits it."""
    texts = _BLANK_LINE.join(content.trimmed for content in run if content.trimmed)
    marks = "\n".join(image.mark for content in run for image in content.images)
    return "\n".join(part for part in (texts, marks) if part)


def _message(message: Any, field: str, tool_names: dict[str, str], *, is_past: bool) -> _CheckedMessage:
    if not isinstance(message, dict):
        raise invalid("Each message must be an object.", field)
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise invalid(f"role must be one of {', '.join(ROLES)}.", f"{field}.role")
    for key in ("name", "tool_call_id"):
        if not isinstance(message.get(key), str | None):
            raise invalid(f"{key} must be a string.", f"{field}.{key}")
    if role == "assistant":
        _note_tool_calls(message, field, tool_names)
        content = _answer(message, field)
        # Clients send back what they were shown, inline blocks included, but the stored history has none.
        return _CheckedMessage(role, replace(content, trimmed=strip_inline_annotations(content.trimmed).strip()), field)
    content = EMPTY
    if message.get("content") is not None:
        takes_images = role not in SYSTEM_ROLES
        content = read_content(message["content"], f"{field}.content", takes_images=takes_images, is_past=is_past)
    elif role == "user" and not is_past:
        raise invalid("content is required.", f"{field}.content")
    if role in TOOL_ROLES:
        return _CheckedMessage("user", _label_result(content, message, tool_names), field)
    return _CheckedMessage("system" if role in SYSTEM_ROLES else role, content, field)


def _answer(message: dict[str, Any], field: str) -> Content:
    """Return the content of an assistant's message, or its refusal. A message that only calls tools has neither."""
    if message.get("content") is not None:
        return read_content(message["content"], f"{field}.content", takes_images=False, is_past=True)
    refusal = message.get("refusal")
    return Content(refusal, refusal.strip()) if isinstance(refusal, str) else EMPTY


def _note_tool_calls(message: dict[str, Any], field: str, tool_names: dict[str, str]) -> None:
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise invalid("tool_calls must be a list.", f"{field}.tool_calls")
    for call in calls or []:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str) and isinstance(call.get("id"), str):
            tool_names[call["id"]] = name  # the result has the id only


def _label_result(content: Content, message: dict[str, Any], tool_names: dict[str, str]) -> Content:
    """Return a tool's result as text with a label: no back end has a role for it (docs/wire/chathub.md, section 9)."""
    call_id, name = message.get("tool_call_id"), message.get("name")
    known = name or tool_names.get(call_id or "")
    label = f"Result of the tool {known}:\n" if known else "Result of a tool:\n"
    return replace(content, text=label + content.text, trimmed=(label + content.trimmed).strip())
