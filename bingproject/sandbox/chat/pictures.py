"""The pictures that callers upload to a chat: how large, and of which kind."""

from __future__ import annotations

LARGEST_UPLOAD = 16 << 20  # bytes of a request
KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


def picture_kind(content: bytes) -> str:
    """Return the media type by a file's first bytes; "" if it is not a picture."""
    return next((kind for magic, kind in KINDS.items() if content.startswith(magic)), "")
