"""SignalR's JSON records: each ends with one 0x1E byte, and frames cut them anywhere.

Source: docs/wire/chathub.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from chat.protocol.failures import unexpected

SEPARATOR = "\x1e"
INVOCATION, COMPLETION, DONE, STREAM_INVOCATION, PING_TYPE, CLOSE = 1, 2, 3, 4, 6, 7
# Final records with search results were seen above 1 MiB; this is where a record stops being one.
MAX_RECORD_BYTES = 32 * 1024 * 1024
_SEPARATOR_BYTE = b"\x1e"


class Decoder:
    """Collects frames and gives back the records that are complete.

    It works on bytes: a character cut in two by a frame is then no special case. The rest waits in pieces, since
    joining a long record anew with each frame would cost its length squared.
    """

    __slots__ = ("_limit_bytes", "_pieces", "_size")

    def __init__(self, limit_bytes: int = MAX_RECORD_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, frame: str | bytes) -> list[bytes]:
        """The records that `frame` completes, without their separators; empty ones are left out.

        Raises: UnexpectedResponseError when a record grows beyond the limit.
        """
        content = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
        if not self._pieces and content.find(_SEPARATOR_BYTE) == len(content) - 1 > 0:
            return [content[:-1]]  # one whole record, as nearly every frame is
        *complete, rest = content.split(_SEPARATOR_BYTE)
        if complete and self._pieces:
            complete[0] = b"".join((*self._pieces, complete[0]))
            self._pieces.clear()
            self._size = 0
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
        if self._size > self._limit_bytes:
            raise unexpected(f"a record of more than {self._limit_bytes} bytes")
        return [record for record in complete if record]


def encode(record: Mapping[str, Any]) -> str:
    """One record as it is sent, with its separator."""
    return msgspec.json.encode(record).decode() + SEPARATOR


HANDSHAKE = encode({"protocol": "json", "version": 1})
PING = encode({"type": PING_TYPE})
