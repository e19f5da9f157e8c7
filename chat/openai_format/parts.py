"""Read a message's content: a text, or parts of several types.

A new part must be understood or is refused. An old part that no back end can take becomes a mark such as `[file]`, so
that an old message does not end a chat for good. Source: docs/contracts.md, "Chat".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, replace
from typing import Any

from bingproject.errors import InvalidRequestError
from chat.protocol.events import PromptImage

# Types of parts with a text, and the key that has it. OpenAI's two APIs use different ones.
TEXT_KEYS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
IMAGE_TYPES = ("image_url", "input_image")
# Reasoning is no part of the message, but clients of other servers send it back.
THOUGHT_TYPES = ("thinking", "redacted_thinking", "reasoning")
# Types that OpenAI has and no back end can take, and the mark for each in a history.
UNSUPPORTED_MARKS = {"input_audio": "[audio]", "file": "[file]", "input_file": "[file]", "video_url": "[video]"}
UNKNOWN_MARK, IMAGE_MARK = "[attachment]", "[image]"
DECODED_AT_ONCE = 512 * 1024  # a multiple of four, so that each piece is whole
_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]{1,40});base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Content:
    """A message's content: the text as received, the text trimmed part by part, and the pictures."""

    text: str
    trimmed: str
    images: tuple[PromptImage, ...] = ()


EMPTY = Content("", "")


def read_content(content: Any, field: str, *, takes_images: bool, is_past: bool) -> Content:
    """Read a text or a list of parts.

    Args:
        content: The message's `content`, not None.
        field: The field's name for errors, e.g. `messages[2].content`.
        takes_images: True to return pictures. False to refuse a new one and turn an old one into a mark.
        is_past: True if the message precedes the last answer.

    Raises:
        InvalidRequestError: `invalid_value` or `unsupported_parameter`. It names the part.
    """
    if isinstance(content, str):
        return Content(content, content.strip())
    if not isinstance(content, list):
        raise invalid("content must be a string or a list of parts.", field)
    texts: list[str] = []
    images: list[PromptImage] = []
    for index, part in enumerate(content):
        read = _part(part, f"{field}[{index}]", takes_images=takes_images, is_past=is_past)
        if isinstance(read, str):
            texts.append(read)
        elif read is not None:
            images.append(read)
    return Content("\n".join(texts), "\n".join(text.strip() for text in texts).strip(), tuple(images))


def load_image(image: PromptImage, field: str) -> PromptImage:
    """Return a picture that is a data URL with its bytes decoded, and any other unchanged.

    Raises:
        InvalidRequestError: It is not valid base64, or empty.
    """
    found = _DATA_URL.match(image.url)
    if found is None:  # an address, which the back end may fetch
        return image
    try:
        content = _decode(image.url[found.end() :])
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise invalid("The image is not valid base64.", f"{field}.content")
    return replace(image, url="", content=content, media_type=found[1].lower())


def _decode(text: str) -> bytes:
    """Decode base64 in pieces.

    Decoding does not release the interpreter lock, so one call for a large picture would make every other chat wait.

    Raises:
        ValueError: It is not valid base64.
    """
    if "=" in text[:-2]:
        raise ValueError("padding before the end")  # each piece on its own would accept it
    pieces = (text[start : start + DECODED_AT_ONCE] for start in range(0, len(text), DECODED_AT_ONCE))
    return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)


def invalid(message: str, param: str) -> InvalidRequestError:
    """Return the error for a field with an invalid value."""
    return InvalidRequestError(message, code="invalid_value", param=param)


def _part(part: Any, field: str, *, takes_images: bool, is_past: bool) -> str | PromptImage | None:
    """Return the part's text or picture. None for a part without content."""
    if not isinstance(part, dict):
        raise invalid("Each part must be an object.", field)
    kind = part.get("type")
    if not isinstance(kind, str):
        raise invalid("type must be a string.", f"{field}.type")
    if kind in THOUGHT_TYPES:
        return None
    if kind in TEXT_KEYS:
        return _text(part.get(TEXT_KEYS[kind]), f"{field}.{TEXT_KEYS[kind]}", is_past=is_past)
    # An old picture becomes a mark where none is accepted, so it is read all the same.
    if kind in IMAGE_TYPES and (takes_images or is_past):
        return _picture(part.get("image_url"), f"{field}.image_url", takes_images=takes_images, is_past=is_past)
    if is_past:
        return UNSUPPORTED_MARKS.get(kind, UNKNOWN_MARK)
    if kind in UNSUPPORTED_MARKS or kind in IMAGE_TYPES:
        raise InvalidRequestError(
            f"Parts of type {kind} are not supported here. Leave them out.", code="unsupported_parameter", param=field
        )
    raise invalid("type must be text or image_url.", f"{field}.type")


def _text(value: Any, field: str, *, is_past: bool) -> str | None:
    if isinstance(value, str):
        return value
    if value is None and is_past:
        return None
    raise invalid(f"{field.rpartition('.')[2]} must be a string.", field)


def _picture(value: Any, field: str, *, takes_images: bool, is_past: bool) -> str | PromptImage:
    """Return a picture, or a mark for an old one that cannot be used."""
    try:
        image = _image(value, field)
    except InvalidRequestError:
        if not is_past:
            raise
        return IMAGE_MARK
    return image if takes_images else image.mark


def _image(value: Any, field: str) -> PromptImage:
    """Return a picture by its address. A data URL is decoded later, and only if the picture is new."""
    fields = value if isinstance(value, dict) else {"url": value}
    url, detail = fields.get("url"), fields.get("detail")
    if not isinstance(url, str):
        raise invalid("image_url must be an address, or an object with a string url.", f"{field}.url")
    if detail is not None and not isinstance(detail, str):
        raise invalid("detail must be a string.", f"{field}.detail")
    if not (_DATA_URL.match(url) or url.lower().startswith(("https://", "http://"))):
        raise invalid("url must be an http or https address, or a data URL of an image in base64.", f"{field}.url")
    # The hash tells pictures apart in a history without keeping their bytes.
    return PromptImage(url=url, mark=f"[image {hashlib.sha256(url.encode()).hexdigest()[:12]}]")
