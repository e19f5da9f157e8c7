"""Django's ASGI handler without middleware and signals, and the private marks that Django leaves on responses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from io import BytesIO
from typing import IO, Any, Protocol

from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import set_script_prefix

from bingproject.edge.body_limits import BodyFile, Receive
from bingproject.errors import InvalidRequestError

LIBRARY, CHECKED_VERSION = "Django", "5.2.19"
RECHECK = (
    "BaseHandler.load_middleware still fills _view_middleware, _template_response_middleware, _exception_middleware "
    "and _middleware_chain, and nothing else",
    "_get_response_async still resolves the address and calls the view without a thread of its own",
    "ASGIHandler.handle still reads the body by read_body alone, and closes the file it gets",
    "ASGIHandler.create_request, run_get_response and send_response still take and return the same",
    "HttpResponseBase.close still calls _resource_closers, and the signal request_finished besides",
    "HttpRequest.body still keeps what it has read in _body, and reads from _stream",
    "django.utils.log.log_response still leaves responses alone that have _has_been_logged",
)


class ReplyProtocol(Protocol):
    """The sender of one request's answer.

    A call adds the headers of every answer and sends the message; `onward` sends it unchanged.
    """

    onward: Callable[[Mapping[str, Any]], Awaitable[None]]

    async def __call__(self, message: Mapping[str, Any]) -> None:
        """Send one ASGI message."""


def mark_logged(response: HttpResponse) -> HttpResponse:
    """Keep Django from logging an error answer a second time, which would take a thread and say less."""
    response._has_been_logged = True  # type: ignore[attr-defined] # what Django's own log_response sets
    return response


def drop_body(request: HttpRequest) -> None:
    """Release the bytes of the body; reading it later yields none."""
    request._body, request._stream = b"", BytesIO()


class ApiHandler(ASGIHandler):
    """Django's handler for API paths: no middleware, and no thread hop except the view's own.

    The base class hops to a thread for its signals before and after each request, which costs more than most views.
    Their purpose, to close old connections, is served by `ContractViewSet` in its own hop.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Load none: leave the base class's lists empty."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]

    async def answer(self, scope: dict[str, Any], body: BodyFile, receive: Receive, send: ReplyProtocol) -> None:
        """Serve the request; cancel the view if the caller leaves first."""
        set_script_prefix(get_script_prefix(scope))
        request, refusal = self.create_request(scope, BytesIO(body.read()))
        if request is None:
            raise InvalidRequestError("The request's address is not valid UTF-8.", detail=str(refusal))
        answering = asyncio.ensure_future(self._answer(request, send))
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not answering.done():
                answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering

    async def _answer(self, request: HttpRequest, send: ReplyProtocol) -> None:
        response = await self.run_get_response(request)
        try:
            if isinstance(response, StreamingHttpResponse):
                await self._send_stream(response, send)
            else:
                await self.send_response(response, send)
        finally:
            for closer in response._resource_closers:  # type: ignore[attr-defined] # close() would also send a signal
                closer()
            # If the caller left before the first byte, nothing else closes what the stream holds.
            if hasattr(response, "aclose"):
                await response.aclose()

    async def _send_stream(self, response: StreamingHttpResponse, send: ReplyProtocol) -> None:
        """Send each piece as it comes: the base class would split it, and only the start needs more headers."""
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        onward = send.onward
        async with aclosing(aiter(response)) as pieces:  # type: ignore[type-var] # always a generator
            async for piece in pieces:
                await onward({"type": "http.response.body", "body": piece, "more_body": True})
        await onward({"type": "http.response.body", "body": b""})


class AdminHandler(ASGIHandler):
    """Django's handler for the operators' pages, with all of its middleware.

    It does not copy the body into another file as the base class does, which would cost up to 32 MiB.
    """

    async def read_body(self, receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> IO[bytes]:
        """Return the body that was read before Django was called."""
        body: IO[bytes] = (await receive())["body"]
        return body
