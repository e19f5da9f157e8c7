"""Classify bodies of polls without a result: pending ones, and those of no known form.

Source: docs/wire/image_creator.md, sections 3 and 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from creator.protocol.pages import NOT_READY, PENDING_MESSAGES, NotReady, fold, is_blank, unexpected
from creator.protocol.unknown_content import outline

Found = TypeVar("Found")
STATUS_PAGE = "GenerativeImagesStatusPage"
# A JSON document with one of these is more than a pending one: it may be a result in an unknown form.
_MEDIA_SIGNS = ("/th/id/", "/th?id=", ".mp4", "<")


def unwrap_json(text: str) -> str:
    """Return the text of a body that is a JSON string or a list of strings, one per line; any other body unchanged."""
    if not text.lstrip("\ufeff \t\r\n").startswith(('"', "[")):
        return text
    try:
        found = msgspec.json.decode(text.lstrip("\ufeff"), type=str | list[str])
    except (ValueError, RecursionError):
        return text
    return join_content(found) or ""


def join_content(content: object) -> str | None:
    """Return a string, or a list of strings joined by line breaks; None for anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = [entry for entry in content if isinstance(entry, str)]
    return "\n".join(texts) if len(texts) == len(content) else None


def classify_fragment(text: str, signs: tuple[str, ...]) -> NotReady:
    """Classify a body without a known result.

    Pending are a body of one byte, one that says so, and markup without any of `signs`. Anything else may be a result
    in an unknown form.

    Args:
        signs: Texts that only a result contains, in lower case.
    """
    folded = fold(text)
    if len(folded) <= 1 or folded in PENDING_MESSAGES or STATUS_PAGE in text:
        return NOT_READY
    if "<" in text and not _contains(text, signs):
        return NOT_READY
    return NotReady(unknown=f"body: {outline(text.strip())}")


def classify_document(document: dict[str, object], text: str, wanted: str) -> NotReady:
    """Classify a JSON document without an error and without a result: pending unless another field contains media.

    Args:
        wanted: What the document should name, for the error.

    Raises:
        UnexpectedResponseError: The document is no response to a poll.
    """
    content = document.get("showContent")
    if (content and join_content(content) is None) or "errorMessage" not in document:
        raise unexpected(f"poll answered with JSON that names no {wanted}", text)
    return NotReady(unknown=f"JSON: {outline(document)}") if _contains(text, _MEDIA_SIGNS) else NOT_READY


def read_content(document: dict[str, object], parse: Callable[[str], Found]) -> Found | NotReady | None:
    """Parse `showContent`.

    Returns:
        What `parse` finds; NotReady with an outline if it finds nothing; None if there is no content.
    """
    content = join_content(document.get("showContent"))
    if not content or is_blank(content):
        return None
    found = parse(content)
    is_nothing = isinstance(found, NotReady) and not found.is_preview
    return NotReady(unknown=f"showContent: {outline(content)}") if is_nothing else found


def _contains(text: str, signs: tuple[str, ...]) -> bool:
    plain = text.replace("\\/", "/").casefold()
    return any(sign in plain for sign in signs)
