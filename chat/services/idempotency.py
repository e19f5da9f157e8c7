"""Pay once for a chat turn: a request with an Idempotency-Key runs to its end even if the caller leaves.

Its answer is stored encrypted for 24 h; a repeat gets it, or waits for it while it runs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from django.db import DatabaseError, IntegrityError, InterfaceError, close_old_connections, models, transaction
from django.utils import timezone

from bingproject.cluster.web_shutdown import shutdown
from bingproject.conf.environment import SettingError
from bingproject.errors import (
    ConflictError,
    InternalError,
    InvalidRequestError,
    ServiceError,
    SubmitOutcomeUnknownError,
    UpstreamTimeoutError,
    by_code,
)
from bingproject.security import request_id
from bingproject.security.encryption import decrypt, encrypt
from chat.models import IdempotentAnswer

logger = logging.getLogger(__name__)

KEPT_HOURS = 24
LOOK_SECONDS = 0.2
ALIVE_SECONDS, RENEW_SECONDS = 30.0, 10.0
# A running turn's row says so once another process waits for it: then its failure is left there for them.
AWAITED = {"awaited": "1"}
FAILED = 500
# What this process is at: who asks the same meanwhile has the same outcome, failures with all they say.
_running: dict[IdempotentRequest, asyncio.Task[CompletedAnswer | None]] = {}


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """The identity of a request: caller, route, key and body."""

    caller_id: str
    route: str
    key: str
    body: str

    @property
    def body_hash(self) -> str:
        """SHA-256 of the body, 64 hex digits."""
        return hashlib.sha256(self.body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CompletedAnswer:
    """A complete answer: HTTP status, body and headers."""

    status: int
    body: msgspec.Struct | dict[str, Any]  # a dict once it was read back
    headers: dict[str, str] = field(default_factory=dict)
    is_replayed: bool = False


async def answer_once(
    key: IdempotentRequest, produce: Callable[[], Awaitable[CompletedAnswer]], *, renew_seconds: float = RENEW_SECONDS
) -> CompletedAnswer:
    """Produce the answer, or return the one that was or is being produced for the same request.

    What `produce` raises is raised to all who wait for it, in this process or another one.

    Raises:
        InvalidRequestError: `idempotency_mismatch`, the key was used with another body.
        ConflictError: The stored answer cannot be decrypted with any key in SEAL_KEYS.
        SubmitOutcomeUnknownError: The process that produced it died.
        UpstreamTimeoutError: The process that produced it was stopped.
    """
    running = _running.get(key)
    # The caller may leave, and the turn goes on. Also while its row is being written: the thread finishes that in any
    # case, and a row without a turn would be taken for one whose process died.
    answered = await asyncio.shield(running or _start(key, produce, renew_seconds))
    if answered is None:
        return await _wait(key)
    return replace(answered, is_replayed=True) if running else answered


def _start(
    key: IdempotentRequest, produce: Callable[[], Awaitable[CompletedAnswer]], renew_seconds: float
) -> asyncio.Task[CompletedAnswer | None]:
    """Start a task in a context of its own, since that of the request refers to a thread that ends with it."""
    context = Context()
    context.run(request_id.current.set, request_id.current.get())
    task = asyncio.get_running_loop().create_task(_run(key, produce, renew_seconds), context=context)
    _running[key] = task
    task.add_done_callback(lambda _task: _running.pop(key))
    shutdown.track(task)
    return task


async def _run(
    key: IdempotentRequest, produce: Callable[[], Awaitable[CompletedAnswer]], renew_seconds: float
) -> CompletedAnswer | None:
    """Produce and store the answer; return None if an earlier request has the key."""
    if not await sync_to_async(_begin)(key, timezone.now()):
        return None
    staying = asyncio.create_task(_stay_alive(key, renew_seconds))
    try:
        answered = await produce()
    except BaseException as failure:
        try:
            await sync_to_async(_end_without_answer)(key, failure)
        except (DatabaseError, InterfaceError) as error:
            # The caller gets the turn's own failure, not a 503; the row runs out, then the outcome is unknown.
            logger.warning("a failure was not kept for its Idempotency-Key: %s", type(error).__name__)
        raise
    finally:
        staying.cancel()
    try:
        await sync_to_async(_keep)(key, answered)
    except (DatabaseError, InterfaceError) as error:
        # Who waits has it all the same; a repeat is told that the outcome is unknown.
        logger.warning("an answer was not kept for its Idempotency-Key: %s", type(error).__name__)
    return answered


def _keep(key: IdempotentRequest, answered: CompletedAnswer) -> None:
    encrypted = encrypt(msgspec.json.encode(answered.body).decode())
    _rows(key).update(status=answered.status, headers=answered.headers, encrypted_answer=encrypted)


async def _stay_alive(key: IdempotentRequest, renew_seconds: float) -> None:
    while True:
        await asyncio.sleep(renew_seconds)
        try:
            await sync_to_async(_rows(key).update)(alive_until=timezone.now() + timedelta(seconds=ALIVE_SECONDS))
        except (DatabaseError, InterfaceError) as error:
            logger.warning("a kept answer's row was not renewed: %s", type(error).__name__)


async def _wait(key: IdempotentRequest) -> CompletedAnswer:
    await _rows(key).filter(status=None).aupdate(headers=AWAITED)
    while True:
        row = await _rows(key).afirst()
        if row is None:
            raise UpstreamTimeoutError(
                "The first request with this Idempotency-Key ended without an answer. Try again."
            )
        if row.status is not None:
            return _repeat_answer(row)
        if row.alive_until < timezone.now():
            raise SubmitOutcomeUnknownError(
                "The server stopped while it answered this request. Use a new key to ask again."
            )
        await asyncio.sleep(LOOK_SECONDS)


def _repeat_answer(row: IdempotentAnswer) -> CompletedAnswer:
    """Return the stored answer, or raise the stored failure. Raises ConflictError if it cannot be decrypted."""
    try:
        kept = json.loads(decrypt(row.encrypted_answer))
    except SettingError as error:
        raise ConflictError(
            "The answer to this Idempotency-Key was kept under a seal key that the server no longer has. "
            "Use a new Idempotency-Key to ask again."
        ) from error
    if row.status == FAILED:
        failure = by_code(kept["code"], kept["message"], kept["retry_after"])
        failure.param = kept["param"]
        raise failure
    return CompletedAnswer(row.status or 200, kept, row.headers, is_replayed=True)


def _end_without_answer(key: IdempotentRequest, failure: BaseException) -> None:
    """Leave a failure to those who wait for it in other processes; without any, leave nothing."""
    if isinstance(failure, Exception):
        error = failure if isinstance(failure, ServiceError) else InternalError()
        kept = {"code": error.code, "message": error.message, "retry_after": error.retry_after, "param": error.param}
        awaited = _rows(key).filter(headers=AWAITED)
        if awaited.update(status=FAILED, encrypted_answer=encrypt(json.dumps(kept))):
            return
    _rows(key).delete()


def _begin(key: IdempotentRequest, now: datetime) -> bool:
    """Whether this is the first request with its key; then it has a row now.

    Raises: InvalidRequestError (`idempotency_mismatch`).
    """
    close_old_connections()  # no request ends in this thread, after which it would be done
    _rows(key).filter(created_at__lt=now - timedelta(hours=KEPT_HOURS)).delete()
    _rows(key).filter(status=FAILED).delete()  # told to those who waited; whoever comes now asks anew
    try:
        with transaction.atomic():
            IdempotentAnswer.objects.create(
                caller_id=key.caller_id,
                route=key.route,
                key=key.key,
                body_hash=key.body_hash,
                alive_until=now + timedelta(seconds=ALIVE_SECONDS),
                created_at=now,
            )
    except IntegrityError:
        if _rows(key).get().body_hash != key.body_hash:
            raise InvalidRequestError(code="idempotency_mismatch", param="Idempotency-Key") from None
        return False
    return True


def _rows(key: IdempotentRequest) -> models.QuerySet[IdempotentAnswer]:
    return IdempotentAnswer.objects.filter(caller_id=key.caller_id, route=key.route, key=key.key)
