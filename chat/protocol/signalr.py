"""SignalR's JSON records: each ends with one 0x1E byte, and a frame may end anywhere in one.

Source: docs/wire/chathub.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from chat.protocol.failures import BING_ERRORS, ErrorFactory

SEPARATOR = "\x1e"
INVOCATION, COMPLETION, DONE, STREAM_INVOCATION, PING_TYPE, CLOSE = 1, 2, 3, 4, 6, 7
# Final records above 1 MiB were seen (docs/wire/chathub.md, section 2). A server that never ends a record must not fill
# the memory, so there is a limit.
MAX_RECORD_BYTES = 32 * 1024 * 1024
_SEPARATOR_BYTE = b"\x1e"


class Decoder:
    """Split frames into complete records.

    It works on bytes, so a frame that ends inside a character is no special case.
    """

    __slots__ = ("_errors", "_limit_bytes", "_pieces", "_size")

    def __init__(self, limit_bytes: int = MAX_RECORD_BYTES, *, errors: ErrorFactory = BING_ERRORS) -> None:
        self._limit_bytes = limit_bytes
        self._errors = errors
        # The incomplete record in pieces: joining it again with each frame would take quadratic time.
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, frame: str | bytes) -> list[bytes]:
        """Return the records that `frame` completes, without separators and without empty ones.

        Raises:
            UnexpectedResponseError: A record exceeds the limit.
        """
        content = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
        if not self._pieces and content.find(_SEPARATOR_BYTE) == len(content) - 1 > 0:
            return [content[:-1]]  # the common case: one whole record
        *complete, rest = content.split(_SEPARATOR_BYTE)
        if complete and self._pieces:
            complete[0] = b"".join((*self._pieces, complete[0]))
            self._pieces.clear()
            self._size = 0
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
        if self._size > self._limit_bytes:
            raise self._errors.unexpected(f"a record of more than {self._limit_bytes} bytes")
        return [record for record in complete if record]


def encode(record: Mapping[str, Any]) -> str:
    """Return a record in JSON with its separator."""
    return msgspec.json.encode(record).decode() + SEPARATOR


HANDSHAKE = encode({"protocol": "json", "version": 1})
PING = encode({"type": PING_TYPE})
