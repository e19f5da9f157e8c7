"""OpenAI's messages → one prompt: what the system says, what was said before, and what is new.

Source: docs/contracts.md, "Chat"; docs/wire/chathub.md, section 9.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, replace
from typing import Any

from bingproject.errors import InvalidRequestError
from chat.openai_format.extras import strip_extras
from chat.protocol.events import Prompt, PromptImage, Said

SYSTEM_ROLES = ("system", "developer")
TOOL_ROLES = ("tool", "function")
ROLES = (*SYSTEM_ROLES, "user", "assistant", *TOOL_ROLES)
# Parts that OpenAI knows and Bing has no way in for.
UNSUPPORTED_PARTS = ("input_audio", "file", "input_file", "video_url")
_BLANK_LINE = "\n\n"
_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]{1,40});base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Content:
    """A message's content: as it came, trimmed part by part, and its pictures."""

    text: str
    trimmed: str
    images: tuple[PromptImage, ...] = ()


@dataclass(frozen=True, slots=True)
class _Message:
    """One message after its checks; a tool's result counts as the user's."""

    role: str
    content: _Content
    place: str


def parse_messages(messages: Any) -> Prompt:
    """Check a request's messages and make a prompt of them.

    Raises: InvalidRequestError that names the field at fault, e.g. `messages[2].content[0].image_url.url`.
    """
    if not isinstance(messages, list):
        raise _invalid("messages must be a list of messages.", "messages")
    if not messages:
        raise _invalid("messages must not be empty.", "messages")
    tool_names: dict[str, str] = {}
    read = [_message(message, f"messages[{index}]", tool_names) for index, message in enumerate(messages)]
    if read[-1].role != "user":
        raise _invalid("The last message must be from user or tool.", f"messages[{len(read) - 1}].role")
    system = [message.content for message in read if message.role == "system"]
    spoken = [message for message in read if message.role != "system"]
    # The last message is the user's, so something always follows the last answer.
    first_new = max((place for place, message in enumerate(spoken, 1) if message.role == "assistant"), default=0)
    return _prompt(system, spoken[:first_new], spoken[first_new:])


def _prompt(system: list[_Content], past: list[_Message], new: list[_Message]) -> Prompt:
    images = tuple(_load(image, message.place) for message in new for image in message.content.images)
    if not images and not any(message.content.trimmed for message in new):
        raise _invalid("The last message must not be blank.", f"{new[-1].place}.content")
    lead = tuple(message.content.text for message in new[:-1] if message.content.trimmed)
    return Prompt(
        system=_BLANK_LINE.join(content.text for content in system),
        history=_history(past),
        newest=new[-1].content.text,
        images=images,
        lead=lead,
        told=_told([message.content for message in new]),
        told_system=_told(system),
    )


def _history(past: list[_Message]) -> tuple[Said, ...]:
    """Earlier messages; those of a user that follow each other are told as one."""
    history: list[Said] = []
    run: list[_Content] = []
    for message in past:
        if message.role == "user":
            run.append(message.content)
            continue
        if run:
            history.append(Said("user", _told(run)))
            run = []
        history.append(Said("assistant", message.content.trimmed))
    return tuple(history)


def _told(run: list[_Content]) -> str:
    """A user's messages up to an answer, with marks for the pictures: equal however a client wraps them."""
    texts = _BLANK_LINE.join(content.trimmed for content in run if content.trimmed)
    marks = "\n".join(image.mark for content in run for image in content.images)
    return "\n".join(part for part in (texts, marks) if part)


def _message(message: Any, place: str, tool_names: dict[str, str]) -> _Message:
    if not isinstance(message, dict):
        raise _invalid("Each message must be an object.", place)
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise _invalid(f"role must be one of {', '.join(ROLES)}.", f"{place}.role")
    for key in ("name", "tool_call_id"):
        if not isinstance(message.get(key), str | None):
            raise _invalid(f"{key} must be a string.", f"{place}.{key}")
    if role == "assistant":
        _note_tool_calls(message, place, tool_names)
        content = _answer(message, place)
        return _Message(role, replace(content, trimmed=strip_extras(content.trimmed).strip()), place)
    content = _content(message.get("content"), f"{place}.content", takes_images=role == "user")
    if role in TOOL_ROLES:
        return _Message("user", _labelled(content, message, place, tool_names), place)
    return _Message("system" if role in SYSTEM_ROLES else role, content, place)


def _answer(message: dict[str, Any], place: str) -> _Content:
    """An assistant's content; it may be missing where the message has something else to say."""
    if message.get("content") is not None:
        return _content(message["content"], f"{place}.content", takes_images=False)
    refusal = message.get("refusal")
    if isinstance(refusal, str):
        return _Content(refusal, refusal.strip())
    if message.get("tool_calls") or message.get("function_call"):
        return _Content("", "")
    raise _invalid("content is required.", f"{place}.content")


def _content(content: Any, place: str, *, takes_images: bool) -> _Content:
    if content is None:
        raise _invalid("content is required.", place)
    if isinstance(content, str):
        return _Content(content, content.strip())
    if not isinstance(content, list) or not content:
        raise _invalid("content must be a string or a list of parts.", place)
    texts: list[str] = []
    images: list[PromptImage] = []
    for index, part in enumerate(content):
        read = _part(part, f"{place}[{index}]", takes_images=takes_images)
        (texts if isinstance(read, str) else images).append(read)  # type: ignore[arg-type] # each list its own
    return _Content("\n".join(texts), "\n".join(text.strip() for text in texts).strip(), tuple(images))


def _part(part: Any, place: str, *, takes_images: bool) -> str | PromptImage:
    if not isinstance(part, dict):
        raise _invalid("Each part must be an object.", place)
    kind = part.get("type")
    if not isinstance(kind, str):
        raise _invalid("type must be a string.", f"{place}.type")
    if kind in ("text", "refusal"):
        if not isinstance(part.get(kind), str):
            raise _invalid(f"{kind} must be a string.", f"{place}.{kind}")
        return str(part[kind])
    if kind == "image_url" and takes_images:
        return _image(part.get("image_url"), f"{place}.image_url")
    if kind in (*UNSUPPORTED_PARTS, "image_url"):
        raise InvalidRequestError(
            f"Parts of type {kind} are not supported here. Leave it out.", code="unsupported_parameter", param=place
        )
    raise _invalid("type must be text or image_url.", f"{place}.type")


def _image(value: Any, place: str) -> PromptImage:
    """A picture by its address; one in the address itself is decoded later, and only if it is new."""
    fields = value if isinstance(value, dict) else {}
    url, detail = fields.get("url"), fields.get("detail")
    if not isinstance(url, str):
        raise _invalid("image_url must be an object with a string url.", f"{place}.url")
    if detail is not None and not isinstance(detail, str):
        raise _invalid("detail must be a string.", f"{place}.detail")
    if not (_DATA_URL.match(url) or url.lower().startswith(("https://", "http://"))):
        raise _invalid("url must be an http or https address, or a data URL of an image in base64.", f"{place}.url")
    return PromptImage(url=url, mark=f"[image {hashlib.sha256(url.encode()).hexdigest()[:12]}]")


def _load(image: PromptImage, place: str) -> PromptImage:
    found = _DATA_URL.match(image.url)
    if found is None:
        return image
    try:
        content = base64.b64decode(image.url[found.end() :], validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise _invalid("The image is not valid base64.", f"{place}.content")
    return replace(image, url="", content=content, media_type=found[1].lower())


def _note_tool_calls(message: dict[str, Any], place: str, tool_names: dict[str, str]) -> None:
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise _invalid("tool_calls must be a list.", f"{place}.tool_calls")
    for call in calls or []:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str) and isinstance(call.get("id"), str):
            tool_names[call["id"]] = name


def _labelled(content: _Content, message: dict[str, Any], place: str, tool_names: dict[str, str]) -> _Content:
    """A tool's result as text that says what it is."""
    call_id, name = message.get("tool_call_id"), message.get("name")
    known = name or tool_names.get(call_id or "")
    label = f"Result of the tool {known}:\n" if known else "Result of a tool:\n"
    return _Content(label + content.text, (label + content.trimmed).strip())


def _invalid(message: str, param: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="invalid_value", param=param)
