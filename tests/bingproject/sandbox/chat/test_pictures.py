"""The kind of an uploaded picture."""

from __future__ import annotations

import pytest

from bingproject.sandbox.chat.pictures import picture_kind


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF....WEBP", "image/webp"),
        (b"%PDF-1.7", ""),
        (b"", ""),
    ],
)
def test_the_first_bytes_say_the_kind(content: bytes, kind: str) -> None:
    """Whatever a caller's headers claim."""
    assert picture_kind(content) == kind
