"""Group commit: collect the writes of many generations for a moment and commit them in one transaction.

What the runner knows must reach the table even through a database outage, so a commit that an outage prevents is
retried as long as the process lives. Each write is guarded by its own condition, so doing it twice does no harm. A
write that the database refuses for its content fails alone: retried forever, it would block all the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import OperationalError, connections, transaction

from bingproject.database.outages import is_outage

T = TypeVar("T")
logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.02  # delays each result by so much, and lets writes of the same moment share a commit
RETRY_SECONDS = 0.3
_Outcome = tuple[Any, Exception | None]
_Entry = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class GroupCommit:
    """Commit writes of coroutines in groups, in the order of their arrival."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._arrived = asyncio.Event()
        self._is_closing = False

    async def write(self, change: Callable[[], T]) -> T:
        """Run `change` in the next group commit; return its result after the commit.

        Args:
            change: Runs in a thread and in a transaction, possibly more than once.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._entries.append((change, future))
        self._arrived.set()
        # A cancelled generation must not take back a write that may be committed already.
        return await asyncio.shield(future)

    @property
    def is_empty(self) -> bool:
        """True if no write waits for the next group."""
        return not self._entries

    async def run(self) -> None:
        """Commit writes as they arrive, until `close` was called and none is left."""
        while self._entries or not self._is_closing:
            await self._arrived.wait()
            await asyncio.sleep(GATHER_SECONDS)
            await self._flush()

    def close(self) -> None:
        """Let `run` end as soon as every write is committed."""
        self._is_closing = True
        self._arrived.set()

    async def _flush(self) -> None:
        """Commit the present entries, however long an outage of the database lasts."""
        entries, self._entries = self._entries, []
        self._arrived.clear()
        if not entries:
            return
        outcomes = await self._commit_with_retries([change for change, _ in entries])
        for (_, future), (value, error) in zip(entries, outcomes, strict=True):
            if future.cancelled():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

    async def _commit_with_retries(self, changes: list[Callable[[], Any]]) -> list[_Outcome]:
        while True:
            try:
                return await sync_to_async(_commit)(changes)
            except Exception as error:
                if is_outage(error):
                    name = type(error).__name__
                    logger.warning("the database did not accept %d results, retrying: %s", len(changes), name)
                    await sync_to_async(connections.close_all)()
                    await asyncio.sleep(RETRY_SECONDS)
                elif len(changes) == 1:
                    logger.exception("a write of the runner failed")
                    return [(None, error)]
                else:
                    break
        # A check at the commit, such as that of foreign keys, does not name the write it refuses: commit each alone.
        return [outcome for change in changes for outcome in await self._commit_with_retries([change])]


def _commit(changes: list[Callable[[], Any]]) -> list[_Outcome]:
    """Run all changes in one transaction, each in a savepoint, so that a failing one fails alone."""
    outcomes: list[_Outcome] = []
    with transaction.atomic():
        for change in changes:
            try:
                with transaction.atomic():
                    outcomes.append((change(), None))
            except Exception as error:
                if is_outage(error):
                    raise
                if transaction.get_connection().needs_rollback:
                    # The savepoint could not be rolled back, so everything before it is lost too.
                    raise OperationalError("the savepoint was not rolled back") from error
                logger.exception("a write of the runner failed")
                outcomes.append((None, error))
    return outcomes
