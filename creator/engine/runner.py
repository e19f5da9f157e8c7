"""The loop that runs all generations of a machine: claims, submits, polls, writes outcomes, hands over.

One coroutine per generation, one tick for leases and claims, one group commit for writes. `creator.services` decides,
and each outcome changes its row by itself. docs/reliability.md lists the twelve rules that must hold; tests are named
after them.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from accounts.microsoft import services as account_services
from accounts.models import Account
from bingproject.cluster.clock_correction import steady_clock
from bingproject.cluster.stop_flag import is_stopping
from bingproject.database.outages import is_outage
from bingproject.errors import NoAccountError, UnavailableError
from bingproject.upstream.http_client import ConnectionPool
from creator.engine.group_commit import GroupCommit
from creator.engine.poll_schedule import PollSchedule
from creator.models import State, Task
from creator.services import claims, restores
from creator.services.availability import why_unusable
from creator.services.durations import recent_durations, result_deadline
from creator.services.generation import poll_task, submit_task, uncertain_seconds, uncertain_until, visit_redirect
from creator.services.outcomes import (
    Accepted,
    Completed,
    Crashed,
    Failed,
    Pending,
    TaskOutcome,
    TimedOut,
    Uncertain,
    Unresolved,
)
from creator.services.queued_tasks import expire_queued, fail_queued
from creator.services.running_task import Claim, RunningTask
from creator.services.sessions import EGRESS_FIELDS, AccountSession, SessionPool

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.15
BUSY_TICK_SECONDS = 0.04  # while more tasks wait than may be sent at once, so that a free slot is used soon
RENEW_SECONDS = 2.0
SWEEP_SECONDS = 1.0
FENCE_SECONDS = 1.0  # before the lease ends nothing is sent any more: another runner may adopt the tasks then
SUBMIT_CAP = 16  # requests being sent at once; also the most that a crash can leave uncertain
OUTAGE_SECONDS = 0.3  # pause after a database that did not answer
STOP_SUBMIT_SECONDS = 3.0  # how long a stop waits for responses to requests already sent


class LeaseLostError(Exception):
    """Another runner took this one for dead and may have adopted its tasks: it must not send anything more."""


class RunnerSlice:
    """One slice of a machine's work: `RUNNER_SLICE_SECONDS` of claims, submits and polls."""

    def __init__(self, pool: ConnectionPool) -> None:
        self.id = claims.runner_identity()
        self._sessions = SessionPool(pool)
        self._group_commit = GroupCommit()
        self._poll_schedule = PollSchedule()
        self._running: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._submitting: set[Claim] = set()
        # Attempts that may have been sent and whose outcome is not written yet: these are never sent again.
        self._maybe_sent: set[Claim] = set()
        self._lease_end = 0.0
        self._renew_at = self._sweep_at = 0.0
        self._is_ending = False
        self._has_backlog = False

    # --- the slice ---

    async def run(self, slice_seconds: float) -> str:
        """Run tasks until the slice or the process ends.

        Returns:
            `handed over`, `lease lost`, or `no-slot` if this machine has a live runner already.
        """
        asked_at = time.monotonic()
        if not await sync_to_async(claims.open_lease)(self.id):
            return "no-slot"
        self._lease_end = asked_at + settings.RUNNER_LEASE_SECONDS
        flusher = asyncio.create_task(self._group_commit.run())
        end_at = asked_at + slice_seconds
        try:
            # Before the first claim: in a restored backup, tasks sent since then are queued (decision 104).
            await sync_to_async(restores.cancel_if_restored)(timezone.now())
            await self._learn()
            while time.monotonic() < end_at and not is_stopping():
                await self._tick()
                await asyncio.sleep(BUSY_TICK_SECONDS if self._has_backlog else TICK_SECONDS)
            await self._finish_submits()
            return "handed over"
        except LeaseLostError:
            logger.error("the lease of runner %s was lost: another runner may have adopted its tasks", self.id)
            return "lease lost"
        finally:
            await self._leave(flusher)

    async def _tick(self) -> None:
        """Renew the lease, sweep and claim; wait out a short outage of the database, as long as the lease lasts.

        A step that the database refuses does not prevent the others, so that one faulty row stops no machine.
        """
        for step in (self._keep_lease, self._sweep_when_due, self._claim):
            try:
                await step()
            except (DatabaseError, InterfaceError) as error:
                await sync_to_async(connections.close_all)()
                if is_outage(error):
                    logger.warning("the database did not answer: %s", type(error).__name__)
                    await asyncio.sleep(OUTAGE_SECONDS)
                    return
                logger.exception("the database refused a step of the runner")
                await asyncio.sleep(OUTAGE_SECONDS)

    async def _sweep_when_due(self) -> None:
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            await self._sweep()

    async def _keep_lease(self) -> None:
        if time.monotonic() < self._renew_at:
            return
        asked_at = time.monotonic()
        if not await sync_to_async(claims.renew_lease)(self.id, len(self._running)):
            raise LeaseLostError
        # Counted from before the query, because the database may have answered late.
        self._lease_end = asked_at + settings.RUNNER_LEASE_SECONDS
        self._renew_at = asked_at + RENEW_SECONDS

    def _may_send(self) -> bool:
        """True if a POST is still allowed: not when the lease is about to end, and not at the end of the slice."""
        return time.monotonic() < self._lease_end - FENCE_SECONDS and not self._is_ending

    async def _finish_submits(self) -> None:
        """Wait for responses to requests already sent; less long for a stop than at the end of a slice."""
        self._is_ending = True
        patience = settings.UPSTREAM_TIMEOUT_SECONDS + 5
        began = time.monotonic()
        while self._submitting or not self._group_commit.is_empty:
            waited = time.monotonic() - began
            if waited > (STOP_SUBMIT_SECONDS if is_stopping() else patience):
                return
            await self._keep_lease()
            await asyncio.sleep(0.05)

    async def _leave(self, flusher: asyncio.Task[None]) -> None:
        """Cancel the coroutines, commit known outcomes, and leave the tasks to the next runner."""
        self._is_ending = True
        workers = list(self._running.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        self._group_commit.close()
        await flusher
        try:
            await self._sessions.save_jars()
            await sync_to_async(claims.hand_over)(self.id)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the hand-over failed, the lease ends by itself: %s", type(error).__name__)

    # --- ticks ---

    async def _sweep(self) -> None:
        """Handle dead runners, cancelled and expired tasks, and tasks that no account can take; once a second."""
        cancelled, found = await sync_to_async(self._sweep_rows)(
            frozenset(self._running), frozenset(claim.task_id for claim in self._maybe_sent)
        )
        submitting = {claim.task_id for claim in self._submitting}
        for task_id in cancelled:
            # A submit ends by itself, once its outcome is written.
            if task_id in self._running and task_id not in submitting:
                self._running[task_id].cancel()
        for task in found:
            await self._adopt(task)
        for kind in await sync_to_async(claims.due_kinds)(timezone.now()):
            await self._fail_unservable(kind)
        await self._sessions.save_jars()

    def _sweep_rows(
        self, running: frozenset[uuid.UUID], maybe_sent: frozenset[uuid.UUID]
    ) -> tuple[list[uuid.UUID], list[Task]]:
        now = claims.database_now()
        claims.remove_dead_runners(now, besides=self.id)
        expire_queued(steady_clock.time_of(now))
        held = Account.objects.filter(pk__in=self._sessions.ids())
        outdated = self._sessions.outdated(held.values_list("pk", *EGRESS_FIELDS))
        self._sessions.refresh(held.filter(pk__in=outdated) if outdated else ())
        cancelled = claims.release_cancelled(self.id)
        recovered = claims.recover_own(self.id, running, maybe_sent)
        return cancelled, recovered + claims.adopt(self.id, settings.RUNNER_CAPACITY - len(running))

    async def _adopt(self, task: Task) -> None:
        generation = RunningTask.of(task)
        generation.start_clock(timezone.now())
        if task.account is None:
            error = NoAccountError("The account that made this was removed. Start a new task.")
            await self._apply(generation, Failed(error, may_run=True))
            return
        self._sessions.of(task.account)
        work = self._await_grace if task.state == State.UNCERTAIN else self._poll
        self._start(generation, work)

    async def _fail_unservable(self, kind: str) -> None:
        """Fail tasks that no account can take, after expired accounts were checked again."""
        now = timezone.now()
        error = await sync_to_async(why_unusable)(kind)
        if error is None or await account_services.recheck_expired(kind, now):
            return
        # Asked again, because the check may have changed the accounts' states.
        error = await sync_to_async(why_unusable)(kind)
        if error is not None:
            failed = await sync_to_async(fail_queued)(kind, error, now)
            logger.warning("%d %s tasks failed, no account can take them: %s", failed, kind, error.code)

    async def _claim(self) -> None:
        free = SUBMIT_CAP - len(self._submitting)
        if free <= 0 or self._is_ending:
            return
        kinds = await sync_to_async(claims.due_kinds)(timezone.now())
        if not kinds:
            self._has_backlog = False
            return
        claimed = await sync_to_async(self._claim_rows)(kinds, free)
        self._has_backlog = len(claimed) == free
        for task in claimed:
            if task.account is not None:
                self._sessions.of(task.account)
                generation = RunningTask.of(task)
                self._submitting.add(generation.claim)
                self._maybe_sent.add(generation.claim)
                self._start(generation, self._submit)

    def _claim_rows(self, kinds: list[str], free: int) -> list[Task]:
        claimed = claims.claim(self.id, kinds, free)
        if claimed:
            # Before anything is sent, so that a copy made earlier is recognised as older.
            restores.note_claims()
        return claimed

    def _start(self, generation: RunningTask, work: Callable[[RunningTask], Awaitable[None]]) -> None:
        task_id = generation.claim.task_id
        earlier = self._running.pop(task_id, None)
        if earlier is not None:
            earlier.cancel()  # the wait of an uncertain task whose response arrived late
        self._running[task_id] = asyncio.create_task(self._guard(generation, work))

    async def _guard(self, generation: RunningTask, work: Callable[[RunningTask], Awaitable[None]]) -> None:
        claim = generation.claim
        try:
            await work(generation)
        except Exception as error:
            await self._note_interruption(generation, error)
        finally:
            self._submitting.discard(claim)
            if self._running.get(claim.task_id) is asyncio.current_task():
                del self._running[claim.task_id]

    async def _note_interruption(self, generation: RunningTask, error: Exception) -> None:
        """Write that an outage or a bug stopped the work on a task.

        After an outage a task that Bing has accepted stays `polling`: the next sweep finds it and continues it.
        """
        task_id = generation.claim.task_id
        outcome: TaskOutcome = Crashed()
        if is_outage(error):
            logger.warning("the database did not answer for task %s: %s", task_id, type(error).__name__)
            outcome = Uncertain(UnavailableError(detail=type(error).__name__))
        else:
            logger.error("a bug while running task %s", task_id, exc_info=error)
        try:
            await self._apply(generation, outcome)
        except Exception:
            # The row keeps its state; the next sweep finds that no coroutine runs it.
            logger.exception("the outcome of task %s could not be written", task_id)

    # --- one generation ---

    async def _apply(self, generation: RunningTask, outcome: TaskOutcome, now: datetime | None = None) -> State | None:
        """Write an outcome in a group commit; return the row's new state, None if it did not change."""
        state = await self._group_commit.write(partial(outcome.apply, generation.claim, now or timezone.now()))
        self._maybe_sent.discard(generation.claim)
        return state

    async def _submit(self, generation: RunningTask) -> None:
        """Send the request, write the outcome, and continue by the row's state."""
        claim, session = generation.claim, self._sessions.by_id(generation.account_id)
        outcome = await submit_task(generation, session, self._may_send)
        now = timezone.now()
        if isinstance(outcome, Accepted):
            generation.accept(outcome.request_id, now, result_deadline(claim.kind, now))
        state = await self._apply(generation, outcome, now)
        self._submitting.discard(claim)
        if state == State.UNCERTAIN:
            await self._await_grace(generation)
        elif state == State.POLLING and isinstance(outcome, Accepted):
            refusal = await visit_redirect(generation, session, outcome.location) if outcome.location else None
            if refusal is None:
                await self._poll(generation, session)
            else:
                await self._apply(generation, refusal)

    async def _poll(self, generation: RunningTask, began_with: AccountSession | None = None) -> None:
        """Poll as the schedule says, and once at the deadline, until the task ends.

        If an operator replaces the account's cookies meanwhile, the old ones are used as long as they work.
        """
        session = own = began_with or self._sessions.by_id(generation.account_id)
        sort = _sort(generation)
        minimum = 0.0
        while True:
            pause = minimum or self._poll_schedule.pause_seconds(sort, generation.age_seconds)
            await asyncio.sleep(max(0.0, min(pause, generation.left_seconds)))
            is_last = generation.left_seconds <= 0
            outcome = await poll_task(generation, session)
            if not isinstance(outcome, Pending):
                await self._end(generation, outcome, session.account)
                return
            if outcome.event is not None:
                await self._apply(generation, outcome)
            if is_last:
                await self._apply(generation, TimedOut(str(generation.poll_log)))
                return
            minimum = outcome.seconds
            # After a failure, alternate between the account's new cookies and those of the submit (decision 19).
            if generation.failure_count:
                session = self._sessions.by_id(generation.account_id) if session is own else own

    async def _end(self, generation: RunningTask, outcome: Completed | Failed, account: Account) -> None:
        now = timezone.now()
        await self._apply(generation, outcome, now)
        if isinstance(outcome, Completed):
            await self._group_commit.write(partial(account_services.mark_success, account, generation.claim.kind, now))
            if generation.accepted_at is not None:
                self._poll_schedule.learn(_sort(generation), generation.age_seconds)

    async def _await_grace(self, generation: RunningTask) -> None:
        """Wait for a late response; then the task fails and is not sent again."""
        wait = (uncertain_until(generation.claim) - timezone.now()).total_seconds()
        await asyncio.sleep(min(max(0.0, wait), uncertain_seconds()))
        await self._apply(generation, Unresolved())

    async def _learn(self) -> None:
        for sort, seconds in await sync_to_async(recent_durations)():
            self._poll_schedule.learn(sort, seconds)


def _sort(generation: RunningTask) -> tuple[str, str, str]:
    return generation.claim.kind, generation.model, generation.lane


async def run_slice() -> str:
    """Run one slice with its own connections to Bing; return how it ended (see `RunnerSlice.run`)."""
    pool = ConnectionPool()
    try:
        return await RunnerSlice(pool).run(settings.RUNNER_SLICE_SECONDS)
    finally:
        await pool.aclose()
