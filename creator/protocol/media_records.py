"""Parse the JSON that the newer endpoint returns to polls: a number for the state, and the media of each record.

Source: docs/wire/image_creator.md, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from bingproject.errors import PromptRejectedError
from creator.protocol.pages import unexpected

WAITING = (0, 1)  # 0: no picture yet; 1: some pictures, more to come
FAILED = 3
UNSAFE = 16  # the `errorType` of a picture that Bing withholds


@dataclass(frozen=True, slots=True)
class MediaRecords:
    """The contents of such a document.

    Attributes:
        status: The number of the state; None if it is missing.
        media: (address, media id) of each item; either may be "".
    """

    status: int | None
    media: tuple[tuple[str, str], ...]

    @property
    def is_waiting(self) -> bool:
        """True while Bing still works on the generation."""
        return self.status in WAITING


def read_media_records(document: dict[str, object], text: str) -> MediaRecords | None:
    """Return the records of a document, None for a document without `records`.

    Raises:
        PromptRejectedError: Bing withholds the picture as unsafe.
        UnexpectedResponseError: Any other failure, with its number for the log.
    """
    records = document.get("records")
    if not isinstance(records, list):
        return None
    status, reason = document.get("status"), document.get("errorType")
    if status == FAILED:
        if reason == UNSAFE:
            raise PromptRejectedError(code="unsafe_output", detail=f"records: status {status}, errorType {reason}")
        raise unexpected(f"records: status {status}, errorType {reason}", text)
    items = [item for record in records if isinstance(record, dict) for item in _items(record)]
    return MediaRecords(status if isinstance(status, int) else None, tuple(items))


def _items(record: dict[str, object]) -> list[tuple[str, str]]:
    media = record.get("mediaItems")
    found = [item for item in media if isinstance(item, dict)] if isinstance(media, list) else []
    return [(_text(item.get("src")), _text(item.get("thid"))) for item in found]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
