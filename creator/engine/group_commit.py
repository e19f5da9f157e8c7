"""Group commits: the writes of many generations, gathered for a moment and committed as one transaction.

What the runner knows must reach the table even through a database outage, so a failed commit is tried again for as
long as the process lives. Every write is guarded by its own condition, so doing it twice does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError, connections, transaction

T = TypeVar("T")
logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.02
RETRY_SECONDS = 0.3
_Outcome = tuple[Any, Exception | None]
_Entry = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Ledger:
    """Takes writes from coroutines and commits them in groups, in the order they came."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._arrived = asyncio.Event()
        self._is_closing = False

    async def write(self, change: Callable[[], T]) -> T:
        """Run `change` in the next group commit; returns its result after the commit."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._entries.append((change, future))
        self._arrived.set()
        return await asyncio.shield(future)

    @property
    def is_empty(self) -> bool:
        """Whether everything that came in has been committed."""
        return not self._entries

    async def run(self) -> None:
        """Commit what comes in, until closed and empty."""
        while self._entries or not self._is_closing:
            await self._arrived.wait()
            await asyncio.sleep(GATHER_SECONDS)
            await self._flush()

    def close(self) -> None:
        """Let `run` end as soon as everything that came in is committed."""
        self._is_closing = True
        self._arrived.set()

    async def _flush(self) -> None:
        """Commit what is there now, however long the database takes to come back."""
        entries, self._entries = self._entries, []
        self._arrived.clear()
        if not entries:
            return
        outcomes = await self._commit_at_last([change for change, _ in entries])
        for (_, future), (value, trouble) in zip(entries, outcomes, strict=True):
            if future.cancelled():
                continue
            if trouble is None:
                future.set_result(value)
            else:
                future.set_exception(trouble)

    async def _commit_at_last(self, changes: list[Callable[[], Any]]) -> list[_Outcome]:
        while True:
            try:
                return await sync_to_async(_commit)(changes)
            except (DatabaseError, InterfaceError) as error:
                name = type(error).__name__
                logger.warning("the database did not take %d results, trying again: %s", len(changes), name)
                await sync_to_async(connections.close_all)()
                await asyncio.sleep(RETRY_SECONDS)


def _commit(changes: list[Callable[[], Any]]) -> list[_Outcome]:
    """One transaction for all; a write that fails by itself fails alone, in its savepoint."""
    outcomes: list[_Outcome] = []
    with transaction.atomic():
        for change in changes:
            try:
                with transaction.atomic():
                    outcomes.append((change(), None))
            except (DatabaseError, InterfaceError):
                raise
            except Exception as error:
                logger.exception("a write of the runner failed")
                outcomes.append((None, error))
    return outcomes
