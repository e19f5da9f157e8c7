"""Answer requests that cannot be served now: the server stops, the database is down, there are too many log-ins.

Operators get a page, all others the API's JSON. Neither uses templates, sessions or queries, since these may be what
fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

from bingproject.api.contracts import BING_CREATE
from bingproject.cluster.web_shutdown import shutdown
from bingproject.database.outages import outages
from bingproject.errors import RateLimitError, ServiceError, StoppingError, UnavailableError

TITLES = {
    StoppingError: "The server is stopping",
    UnavailableError: "The database does not answer",
    RateLimitError: "Too many log-ins",
}
ADVICE = {
    StoppingError: "If it was restarted, it is back in a few seconds: reload this page then.",
    UnavailableError: (
        "Nothing is lost, and the server goes on by itself when the database is back: reload this page then. "
        "Its log says since when, and why. With SQLite the disk may be full, or another program may hold the file "
        "locked; with PostgreSQL look at the server that DATABASE_URL names."
    ),
    RateLimitError: (
        "The server checks one password at a time, and only a few a minute from one address. Nothing is locked, and "
        "what you sent was not looked at: open the page again after the wait and send it once more."
    ),
}


class Answering(Protocol):
    """The sender of one request's answer, as in `edge.application`."""

    has_started: bool

    async def __call__(self, message: Mapping[str, Any]) -> None:
        """Send one ASGI message."""

    async def fail(self, error: ServiceError) -> None:
        """Send the error as JSON."""


async def refuse(reply: Answering, failure: BaseException, *, is_page: bool) -> None:
    """Answer with the error that a failure is to callers, unless the answer has begun.

    Args:
        reply: The sender of the answer.
        failure: An error of this project, an outage of the database, or a cancellation.
        is_page: True for paths of the admin, whose answer is a page if the error has one.

    Raises:
        asyncio.CancelledError: The request was cancelled while the server does not stop.
    """
    error = _error_of(failure)
    if reply.has_started:
        return
    if is_page and has_page(error):
        await _send_page(reply, refusal_page(error))
    else:
        await reply.fail(error)


def _error_of(failure: BaseException) -> ServiceError:
    if isinstance(failure, ServiceError):
        return failure
    if not isinstance(failure, asyncio.CancelledError):
        outages.note(failure)
        return UnavailableError()
    if not shutdown.is_begun:
        raise failure
    return StoppingError()  # uvicorn cancels the requests that did not end in time


async def _send_page(reply: Answering, page: RefusalPage) -> None:
    sent = {"content-type": "text/html; charset=utf-8", **page.headers}
    headers = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in sent.items()]
    await reply({"type": "http.response.start", "status": page.status, "headers": headers})
    await reply({"type": "http.response.body", "body": page.html.encode()})


def has_page(error: ServiceError) -> bool:
    """True if the error has a page."""
    return type(error) in TITLES


@dataclass(frozen=True, slots=True)
class RefusalPage:
    """A failure as a page, with the status and headers of the API."""

    status: int
    html: str
    headers: dict[str, str]


def refusal_page(error: ServiceError) -> RefusalPage:
    """Return the page of a failure that `has_page`."""
    answer = BING_CREATE.error(error)
    title, advice = escape(TITLES[type(error)]), escape(ADVICE[type(error)])
    seconds = answer.headers["Retry-After"]
    wait = "1 second" if seconds == "1" else f"{seconds} seconds"
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"></head>'
        f"<body><h1>{title}</h1><p>{advice}</p>"
        f'<p>Try again in {wait}. <a href="">Reload</a></p></body></html>'
    )
    return RefusalPage(answer.status, html, answer.headers | {"Cache-Control": "no-store"})
