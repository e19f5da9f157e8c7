"""Paying once for a chat turn: a request with an Idempotency-Key runs to its end even if the caller leaves.

Its answer is kept sealed for 24 h; a repeat gets it, or waits for it while it runs.
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

from asgiref.sync import sync_to_async
from django.db import DatabaseError, IntegrityError, InterfaceError, close_old_connections, models, transaction
from django.utils import timezone

from bingproject import request_id
from bingproject.errors import InvalidRequestError, SubmitOutcomeUnknownError, UpstreamTimeoutError
from bingproject.seals import seal, unseal
from chat.models import KeptAnswer

logger = logging.getLogger(__name__)

KEPT_HOURS = 24
LOOK_SECONDS = 0.2
ALIVE_SECONDS, RENEW_SECONDS = 30.0, 10.0
# What this process is at: who asks the same meanwhile has the same outcome, failures with all they say.
_running: dict[KeptKey, asyncio.Task[Answered | None]] = {}


@dataclass(frozen=True, slots=True)
class KeptKey:
    """Which request: who asks, on which route, under which key, with which body."""

    holder: str
    route: str
    key: str
    body: str

    @property
    def body_hash(self) -> str:
        """SHA-256 of the body, 64 hex digits."""
        return hashlib.sha256(self.body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer: HTTP status, body, and the headers that belong to it."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    is_replayed: bool = False


async def answer_once(
    key: KeptKey, produce: Callable[[], Awaitable[Answered]], *, renew_seconds: float = RENEW_SECONDS
) -> Answered:
    """Produce the answer, or hand out the one that was or is being produced for the same request.

    Raises: what `produce` raises, also to those who joined; InvalidRequestError (`idempotency_mismatch`). Of another
    process's turn: SubmitOutcomeUnknownError when that died, UpstreamTimeoutError when it ended without an answer.
    """
    running = _running.get(key)
    # The caller may leave, and the turn goes on. Also while its row is being written: the thread finishes that in any
    # case, and a row without a turn would be taken for one whose process died.
    answered = await asyncio.shield(running or _start(key, produce, renew_seconds))
    if answered is None:
        return await _wait(key)
    return replace(answered, is_replayed=True) if running else answered


def _start(
    key: KeptKey, produce: Callable[[], Awaitable[Answered]], renew_seconds: float
) -> asyncio.Task[Answered | None]:
    """In a context of its own: that of the request leads to its thread, which is not to be had after its end."""
    context = Context()
    context.run(request_id.current.set, request_id.current.get())
    task = asyncio.get_running_loop().create_task(_run(key, produce, renew_seconds), context=context)
    _running[key] = task
    task.add_done_callback(lambda _task: _running.pop(key))
    return task


async def _run(key: KeptKey, produce: Callable[[], Awaitable[Answered]], renew_seconds: float) -> Answered | None:
    """The answer once it is produced and kept; None when an earlier request has the key."""
    if not await sync_to_async(_begin)(key, timezone.now()):
        return None
    staying = asyncio.create_task(_stay_alive(key, renew_seconds))
    try:
        answered = await produce()
    except BaseException:
        await sync_to_async(_rows(key).delete)()
        raise
    finally:
        staying.cancel()
    sealed = seal(json.dumps(answered.body, ensure_ascii=False))
    changes = {"status": answered.status, "headers": answered.headers, "sealed_answer": sealed}
    await sync_to_async(_rows(key).update)(**changes)
    return answered


async def _stay_alive(key: KeptKey, renew_seconds: float) -> None:
    while True:
        await asyncio.sleep(renew_seconds)
        try:
            await sync_to_async(_rows(key).update)(alive_until=timezone.now() + timedelta(seconds=ALIVE_SECONDS))
        except (DatabaseError, InterfaceError) as error:
            logger.warning("a kept answer's row was not renewed: %s", type(error).__name__)


async def _wait(key: KeptKey) -> Answered:
    while True:
        row = await _rows(key).afirst()
        if row is None:
            raise UpstreamTimeoutError(
                "The first request with this Idempotency-Key ended without an answer. Try again."
            )
        if row.status is not None:
            return Answered(row.status, json.loads(unseal(row.sealed_answer)), row.headers, is_replayed=True)
        if row.alive_until < timezone.now():
            raise SubmitOutcomeUnknownError(
                "The server stopped while it answered this request. Use a new key to ask again."
            )
        await asyncio.sleep(LOOK_SECONDS)


def _begin(key: KeptKey, now: datetime) -> bool:
    """Whether this is the first request with its key; then it has a row now.

    Raises: InvalidRequestError (`idempotency_mismatch`).
    """
    close_old_connections()  # no request ends in this thread, after which it would be done
    _rows(key).filter(created_at__lt=now - timedelta(hours=KEPT_HOURS)).delete()
    try:
        with transaction.atomic():
            KeptAnswer.objects.create(
                holder=key.holder,
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


def _rows(key: KeptKey) -> models.QuerySet[KeptAnswer]:
    return KeptAnswer.objects.filter(holder=key.holder, route=key.route, key=key.key)
