"""The private parts of uvicorn's HTTP protocol that `http_protocol` needs, under names of their own.

uvicorn documents the command-line option `--http`, but not the class that it names.
"""

from __future__ import annotations

import sys
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

LIBRARY, CHECKED_VERSION = "uvicorn", "0.54.0"
RECHECK = (
    "HttpToolsProtocol still starts each request's task by _start_asgi_task(cycle, app), once its head is whole",
    "cycle, pipeline, connections, url, headers, loop, transport and server_state.default_headers mean what they meant",
    "the parser's errors, and what on_headers_complete raises, still end in send_400_response",
    "RequestResponseCycle.send still decides on chunks by chunked_encoding, and compares expected_content_length",
)
_LINE_BYTES = len(": \r\n")  # what a header has on the wire besides name and value

__all__ = ["CHECKED_VERSION", "LIBRARY", "RECHECK", "STATUS_LINE", "OpenHttpProtocol"]


class UnframedCycle(RequestResponseCycle):
    """Answer HTTP/1.0, which has no chunks: a body without a length ends with its connection (RFC 9112, 6.1)."""

    _is_unframed = False

    async def send(self, message: Any) -> None:
        """Send as the base class does, but without chunks if there is no length."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._is_unframed = all(name.lower() != b"content-length" for name, _ in message["headers"])
            if self._is_unframed:
                # The base class compares the length of the body with this, and raises if it is wrong.
                self.chunked_encoding, self.expected_content_length = False, sys.maxsize
        elif self._is_unframed and message["type"] == "http.response.body" and not message.get("more_body", False):
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


class OpenHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with public names for its state; answers HTTP/1.0 without chunks."""

    @property
    def is_idle(self) -> bool:
        """True if no request of the connection is under way."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request, whatever uvicorn declares
        return cycle is None or cycle.response_complete

    @property
    def has_answer_to_come(self) -> bool:
        """True if an answer has begun, or a pipelined request waits for its answer."""
        return bool(self.cycle.response_started or self.pipeline)

    @property
    def head_bytes(self) -> int:
        """The size of the latest head on the wire: address, names and values."""
        return len(self.url) + sum(len(name) + len(value) + _LINE_BYTES for name, value in self.headers)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.scope["http_version"] == "1.0":
            cycle.__class__ = UnframedCycle
        super()._start_asgi_task(cycle, app)
