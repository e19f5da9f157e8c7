"""The server's side of a connection, with limits on what comes before a body: how long a head may be and may take.

uvicorn keeps whatever comes of an address and of headers, and waits for the rest without end; the gate sees a request
only once its head is whole. So this is where a stranger who sends headers for ever is stopped. It needs no settings
and no Django: `uvicorn --http bingproject.heads:GuardedHttpProtocol` names it before the application is imported. For
servers without WebSockets.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import ClassVar

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from bingproject.contracts import BING_CREATE
from bingproject.errors import InvalidRequestError

# Of the first line and the headers together. Browsers and proxies stay far below it.
HEAD_LIMIT_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
# Read on after a refusal, so that a client which sends everything before it reads still finds the answer.
LINGER_BYTES = 4 * 1024 * 1024
LINGER_SECONDS = 2.0
_LINE_BYTES = len(": \r\n")  # what a header has on the wire besides name and value

logger = logging.getLogger(__name__)


class HeadTooLargeError(Exception):
    """A head that came whole, in one piece, and is larger than is allowed."""


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, which ends a connection whose head is too long or too slow.

    What is counted are bytes that brought neither a whole head nor a piece of a body: those of a head that is not
    complete, of headers after a body, and of blank lines. The parser keeps such bytes where nobody else can see them.
    """

    head_limit_bytes: ClassVar[int] = HEAD_LIMIT_BYTES
    head_seconds: ClassVar[float] = HEAD_SECONDS
    linger_seconds: ClassVar[float] = LINGER_SECONDS

    _head_timer: asyncio.TimerHandle | None = None
    _loose_bytes = 0
    _has_progressed = False
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class has it
        """The first head is awaited from now on."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand over to the parser, and see what it made of it."""
        self._has_progressed = False
        self._loose_bytes += len(data)
        super().data_received(data)
        if self._has_progressed:
            # What may be left over in it of a next head is bounded by what is read at once.
            self._loose_bytes = 0
        elif self._loose_bytes > self.head_limit_bytes:
            self._refuse_head()
        if _is_done(self.cycle):
            self._watch()

    def on_headers_complete(self) -> None:
        """The head is whole: a request begins.

        Raises: HeadTooLargeError, which comes out of the parser as a request that cannot be read.
        """
        if self._loose_bytes > self.head_limit_bytes and self._head_bytes() > self.head_limit_bytes:
            raise HeadTooLargeError
        self._has_progressed = True
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body, which the gate counts."""
        self._has_progressed = True
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """The answer to what the parser could not read, in the API's own shape."""
        if self._loose_bytes > self.head_limit_bytes and not self._has_progressed:
            self._refuse_head()
        else:
            self._refuse(400, InvalidRequestError("This is not a request in HTTP/1.1."))

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + _LINE_BYTES for name, value in self.headers)

    def _watch(self) -> None:
        """No request is under way, but something came: a part of a head, a blank line, what is left of a body."""
        if self._has_progressed:
            self._stop_timer()
        if self._head_timer is None and not self._is_refused:
            self._await_head()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse_head(self) -> None:
        limit = f"{self.head_limit_bytes // 1024} KiB"
        self._refuse(431, InvalidRequestError(f"Address and headers may have {limit} together.", code="too_large"))

    def _refuse(self, status: int, error: InvalidRequestError) -> None:
        """Answer, unless another answer comes first or has begun, and end the connection."""
        if self._is_refused:
            return
        self._is_refused = True
        self._stop_timer()
        is_free = _is_done(self.cycle)
        if is_free or not (self.cycle.response_started or self.pipeline):
            request_id = uuid.uuid4().hex
            logger.info("A connection was ended with status %d: %s [%s]", status, error.message, request_id)
            self.transport.write(_answer(status, error, request_id, self.server_state.default_headers))
        if is_free:
            self._linger()
        else:
            self.transport.close()  # which tells the application that waits for its body, too

    def _linger(self) -> None:
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.connections.discard(self)
        timer = self.loop.call_later(self.linger_seconds, self.transport.close)
        self.transport.set_protocol(Sink(self.transport, timer))


class Sink(asyncio.Protocol):
    """Takes in and forgets what is still on its way: closing over unread bytes would reset the answer away."""

    def __init__(self, transport: asyncio.Transport, timer: asyncio.TimerHandle) -> None:
        self._transport = transport
        self._timer = timer
        self._left_bytes = LINGER_BYTES

    def data_received(self, data: bytes) -> None:
        """Forget it; too much of it, and the answer is lost after all."""
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone, or was left."""
        self._timer.cancel()


def _is_done(cycle: RequestResponseCycle | None) -> bool:
    """Whether no request of the connection is under way; there is none at all at its beginning."""
    return cycle is None or cycle.response_complete


def _answer(
    status: int, error: InvalidRequestError, request_id: str, default_headers: list[tuple[bytes, bytes]]
) -> bytes:
    """A whole answer as bytes, for who stands before any request."""
    answer = BING_CREATE.error(error)
    content = msgspec.json.encode(answer.body)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(content)),
        "x-content-type-options": "nosniff",
        "x-request-id": request_id,
        "connection": "close",
        **answer.headers,
    }
    lines = [b"%s: %s\r\n" % pair for pair in default_headers]
    lines += [f"{name.lower()}: {value}\r\n".encode("ascii") for name, value in headers.items()]
    return b"".join([STATUS_LINE[status], *lines, b"\r\n", content])
