"""What a request gets that cannot be served now, by who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import InterfaceError

from bingproject.edge.unavailable import refuse
from bingproject.errors import InvalidRequestError, RateLimitError, ServiceError, StoppingError, UnavailableError


class Reply:
    """Notes what is sent."""

    def __init__(self, *, has_started: bool = False) -> None:
        self.has_started = has_started
        self.messages: list[Mapping[str, Any]] = []
        self.failed: list[ServiceError] = []

    async def __call__(self, message: Mapping[str, Any]) -> None:
        self.messages.append(message)

    async def fail(self, error: ServiceError) -> None:
        self.failed.append(error)


def refused(failure: BaseException, *, is_page: bool = False, has_started: bool = False) -> Reply:
    """The reply after one refusal."""
    reply = Reply(has_started=has_started)
    asyncio.run(refuse(reply, failure, is_page=is_page))
    return reply


def test_programs_get_json() -> None:
    """The error as it is; a database error as `unavailable`."""
    assert [error.code for error in refused(StoppingError()).failed] == ["stopping"]
    assert [error.code for error in refused(InterfaceError("gone")).failed] == ["unavailable"]


@pytest.mark.parametrize("error", [StoppingError(), UnavailableError()])
def test_operators_get_a_page(error: ServiceError) -> None:
    """It says what to do, in HTML, with the same status and Retry-After."""
    start, body = refused(error, is_page=True).messages
    headers = dict(start["headers"])
    assert start["status"] == 503 and headers[b"retry-after"] == b"10" and headers[b"cache-control"] == b"no-store"
    assert headers[b"content-type"] == b"text/html; charset=utf-8" and b"reload this page" in body["body"]


def test_a_log_in_too_many_gets_a_page() -> None:
    """A person reads it: how long to wait, and that nothing is locked."""
    start, body = refused(RateLimitError("Too many log-ins at once.", retry_after=1), is_page=True).messages
    headers = dict(start["headers"])
    assert start["status"] == 429 and headers[b"retry-after"] == b"1"
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert b"<h1>Too many log-ins</h1>" in body["body"] and b"Try again in 1 second." in body["body"]
    assert [error.code for error in refused(RateLimitError()).failed] == ["rate_limit_exceeded"]


def test_other_errors_have_no_page() -> None:
    """They are JSON for operators too, as ever."""
    assert refused(InvalidRequestError(code="too_large"), is_page=True).failed


def test_an_answer_that_has_begun_is_left_alone() -> None:
    """Its status is out."""
    reply = refused(StoppingError(), has_started=True)
    assert not reply.messages and not reply.failed


def test_a_cancellation_without_a_stop_goes_on() -> None:
    """The caller has left: nobody is answered."""
    with pytest.raises(asyncio.CancelledError):
        refused(asyncio.CancelledError())
