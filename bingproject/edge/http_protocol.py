"""Limit connections below the application: their number, the size and time of a head, and what follows an answer.

uvicorn buffers an address and headers without limit and waits for the rest without end, and an application sees a
request only once its head is complete. So a client that sends headers without end must be stopped here. The module
needs neither settings nor Django, because `uvicorn --http bingproject.edge.http_protocol:GuardedHttpProtocol` loads it
before the application. It serves no WebSockets.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
import uuid
from collections.abc import Callable
from typing import ClassVar

import msgspec

from bingproject.api.contracts import BING_CREATE
from bingproject.edge._compat_uvicorn import STATUS_LINE, OpenHttpProtocol
from bingproject.edge.body_limits import LINGER_BYTES, LINGER_SECONDS
from bingproject.errors import InvalidRequestError, ServerBusyError, ServiceError

# For the request line and headers together. Browsers and proxies stay far below it.
HEAD_LIMIT_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
# Headers of one name are joined one by one, which is quadratic; no client sends a tenth of this.
HEADER_COUNT = 200
# For the rest of a body whose request was already answered; it is dropped as it arrives.
DRAIN_SECONDS = 20.0
# Each connection costs memory; beyond this a client had better wait than slow down all others.
MOST_CONNECTIONS = 8192
RESERVED_DESCRIPTORS = 64  # for the database, the log, the sockets to Microsoft
BUSY_RETRY_SECONDS = 5
WARN_AGAIN_SECONDS = 60.0

logger = logging.getLogger(__name__)


def connection_limit() -> int:
    """Return how many connections a process takes: three quarters of its descriptors, less those it needs itself."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(16, min(MOST_CONNECTIONS, soft * 3 // 4 - RESERVED_DESCRIPTORS))


class HeadTooLargeError(Exception):
    """A head that arrived complete, in one piece, and is larger than allowed."""


class GuardedHttpProtocol(OpenHttpProtocol):
    """uvicorn's protocol, which ends a connection whose head is too long or too slow.

    It counts bytes that completed neither a head nor a piece of a body: of an incomplete head, of trailers after a
    body, of blank lines. The parser buffers such bytes without limit, and nothing else can see them.
    """

    head_limit_bytes: ClassVar[int] = HEAD_LIMIT_BYTES
    head_seconds: ClassVar[float] = HEAD_SECONDS
    drain_seconds: ClassVar[float] = DRAIN_SECONDS
    linger_seconds: ClassVar[float] = LINGER_SECONDS
    most_connections: ClassVar[int] = connection_limit()
    # Refused connections whose client may still read the refusal; beyond `most_refused` they are closed at once.
    refused_count: ClassVar[int] = 0
    most_refused: ClassVar[int] = max(8, most_connections // 16)
    warned_at: ClassVar[float] = -WARN_AGAIN_SECONDS

    _head_timer: asyncio.TimerHandle | None = None
    _drain_timer: asyncio.TimerHandle | None = None
    _loose_bytes = 0
    _has_progressed = False
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base class has it
        """Wait for the first head, or refuse the connection if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse_connection()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers."""
        self._stop_timer()
        self._stop_rest_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then check whether it made progress."""
        self._has_progressed = False
        self._loose_bytes += len(data)
        super().data_received(data)
        if self._has_progressed:
            # Bytes of a next head may be left over; one read bounds them.
            self._loose_bytes = 0
        elif self._loose_bytes > self.head_limit_bytes:
            self._refuse_head()
        if self.is_idle:
            self._watch()

    def on_headers_complete(self) -> None:
        """Begin a request: its head is complete.

        Raises:
            HeadTooLargeError: The parser turns it into a bad request, which `send_400_response` answers.
        """
        if self._loose_bytes > self.head_limit_bytes and self.head_bytes > self.head_limit_bytes:
            raise HeadTooLargeError
        if len(self.headers) > HEADER_COUNT:
            raise HeadTooLargeError
        self._has_progressed = True
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note progress; `body_limits` counts the bytes."""
        self._has_progressed = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timer for the rest of the body."""
        self._stop_rest_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Limit the time for the rest of the body, which would otherwise hold the connection."""
        super().on_response_complete()
        if self.is_idle and self.cycle.more_body and self._drain_timer is None:
            self._drain_timer = self.loop.call_later(self.drain_seconds, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that the parser cannot read, in the API's error format."""
        is_too_long = self._loose_bytes > self.head_limit_bytes or len(self.headers or ()) > HEADER_COUNT
        if is_too_long and not self._has_progressed:
            self._refuse_head()
        else:
            self._refuse(400, InvalidRequestError("This is not a request in HTTP/1.1."))

    def _watch(self) -> None:
        """Limit the time of a head that has begun: no request is under way, but bytes arrived."""
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

    def _stop_rest_timer(self) -> None:
        if self._drain_timer is not None:
            self._drain_timer.cancel()
            self._drain_timer = None

    def _refuse_connection(self) -> None:
        """Answer 503 with Retry-After, or close at once if many refused connections are still open."""
        cls = GuardedHttpProtocol
        now = time.monotonic()
        if now - cls.warned_at >= WARN_AGAIN_SECONDS:
            cls.warned_at = now
            logger.warning(
                "%d connections are open, the most this process takes: others get 503", self.most_connections
            )
        if cls.refused_count >= self.most_refused:
            self._is_refused = True
            self.transport.abort()
            return
        cls.refused_count += 1
        self._refuse(503, ServerBusyError(retry_after=BUSY_RETRY_SECONDS), self._count_refused_down)

    @staticmethod
    def _count_refused_down() -> None:
        GuardedHttpProtocol.refused_count -= 1

    def _refuse_head(self) -> None:
        limit = f"{self.head_limit_bytes // 1024} KiB and {HEADER_COUNT} headers"
        self._refuse(431, InvalidRequestError(f"Address and headers may have {limit} together.", code="too_large"))

    def _refuse(self, status: int, error: ServiceError, on_close: Callable[[], None] | None = None) -> None:
        """End the connection, with an answer unless another one has begun or comes first."""
        if self._is_refused:
            return
        self._is_refused = True
        self._stop_timer()
        is_free = self.is_idle
        if is_free or not self.has_answer_to_come:
            request_id = uuid.uuid4().hex
            # Too many connections are logged once a minute, not once each.
            level = logging.DEBUG if status == 503 else logging.INFO
            logger.log(level, "A connection was ended with status %d: %s [%s]", status, error.message, request_id)
            self.transport.write(_answer(status, error, request_id, self.server_state.default_headers))
        if is_free:
            self._linger(on_close)
        else:
            self.transport.close()  # also tells the application, which waits for the body

    def _linger(self, on_close: Callable[[], None] | None) -> None:
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.connections.discard(self)
        timer = self.loop.call_later(self.linger_seconds, self.transport.close)
        self.transport.set_protocol(Sink(self.transport, timer, on_close))


class Sink(asyncio.Protocol):
    """Read and drop what still arrives: closing over unread bytes resets the connection and loses the answer."""

    def __init__(
        self, transport: asyncio.Transport, timer: asyncio.TimerHandle, on_close: Callable[[], None] | None = None
    ) -> None:
        self._transport = transport
        self._timer = timer
        self._on_close = on_close
        self._left_bytes = LINGER_BYTES

    def data_received(self, data: bytes) -> None:
        """Drop the bytes; close after LINGER_BYTES, although the answer may be lost then."""
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer and note that the connection is gone."""
        self._timer.cancel()
        if self._on_close is not None:
            self._on_close()


def _answer(status: int, error: ServiceError, request_id: str, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return a complete answer as bytes, for a connection without a request."""
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
