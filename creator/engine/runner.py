"""The loop that carries all generations of a machine: claims, submits, polls, records, hands over.

One coroutine per generation, one tick for leases and claims, one ledger for writes. Decides by `creator.services`,
parses nothing. What must hold is in docs/reliability.md; the twelve rules have tests of their names.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Account
from bingproject.stopping import is_stopping
from bingproject.upstream import Door
from creator.ledger import Ledger
from creator.models import State, Task
from creator.protocol import Images, Video
from creator.services import claims, records
from creator.services.availability import why_unusable
from creator.services.generation import (
    Generation,
    GivenUp,
    Later,
    Refused,
    Requeue,
    Taken,
    poll_task,
    submit_task,
    uncertain_until,
    visit_redirect,
)
from creator.services.sessions import EGRESS_FIELDS, AccountSession, SessionPool
from creator.timing import PollPlan

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.15
BUSY_TICK_SECONDS = 0.04  # while more waits than may be sent at once: a place that gets free is soon taken
RENEW_SECONDS = 2.0
SWEEP_SECONDS = 1.0
FENCE_SECONDS = 1.0
SUBMIT_CAP = 16  # also the most a crash can leave uncertain
OUTAGE_SECONDS = 0.3  # how long a database that did not answer is left alone
STOP_SUBMIT_SECONDS = 3.0  # how long a stop waits for answers to requests already sent


class LeaseLostError(Exception):
    """Somebody took this runner for dead: it must not send anything more."""


class Runner:
    """One slice of one machine's work."""

    def __init__(self, door: Door) -> None:
        self.id = claims.runner_identity()
        self._sessions = SessionPool(door)
        self._ledger = Ledger()
        self._plan = PollPlan()
        self._carried: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._submitting: set[uuid.UUID] = set()
        self._lease_end = 0.0
        self._renew_at = self._sweep_at = 0.0
        self._is_ending = False
        self._has_backlog = False

    # --- the slice ---

    async def run(self, slice_seconds: float) -> str:
        """Carry tasks until the slice or the process ends; one line on how it ended."""
        asked_at = time.monotonic()
        if not await sync_to_async(claims.open_lease)(self.id):
            return "no-slot"
        self._lease_end = asked_at + settings.RUNNER_LEASE_SECONDS
        await self._learn()
        flusher = asyncio.create_task(self._ledger.run())
        end_at = asked_at + slice_seconds
        try:
            while time.monotonic() < end_at and not is_stopping():
                await self._tick()
                await asyncio.sleep(BUSY_TICK_SECONDS if self._has_backlog else TICK_SECONDS)
            await self._finish_submits()
            return "handed over"
        except LeaseLostError:
            logger.error("the lease of runner %s was lost: its tasks are another's now", self.id)
            return "lease lost"
        finally:
            await self._leave(flusher)

    async def _tick(self) -> None:
        """Lease, adoption, claims; a database that is away for a moment is waited for, as long as the lease lasts."""
        try:
            await self._keep_lease()
            if time.monotonic() >= self._sweep_at:
                self._sweep_at = time.monotonic() + SWEEP_SECONDS
                await self._sweep()
            await self._claim()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database did not answer: %s", type(error).__name__)
            await sync_to_async(connections.close_all)()
            await asyncio.sleep(OUTAGE_SECONDS)

    async def _keep_lease(self) -> None:
        if time.monotonic() < self._renew_at:
            return
        asked_at = time.monotonic()
        if not await sync_to_async(claims.renew_lease)(self.id, len(self._carried)):
            raise LeaseLostError
        # Counted from before the question: the database may have answered late.
        self._lease_end = asked_at + settings.RUNNER_LEASE_SECONDS
        self._renew_at = asked_at + RENEW_SECONDS

    def _may_send(self) -> bool:
        """Self-fence: no POST when the lease is about to end, or the slice has."""
        return time.monotonic() < self._lease_end - FENCE_SECONDS and not self._is_ending

    async def _finish_submits(self) -> None:
        """Wait for requests already sent; a stop has less patience than the end of a slice."""
        self._is_ending = True
        patience = settings.UPSTREAM_TIMEOUT_SECONDS + 5
        began = time.monotonic()
        while self._submitting or not self._ledger.is_empty:
            waited = time.monotonic() - began
            if waited > (STOP_SUBMIT_SECONDS if is_stopping() else patience):
                return
            await self._keep_lease()
            await asyncio.sleep(0.05)

    async def _leave(self, flusher: asyncio.Task[None]) -> None:
        """Stop carrying, write down what is known, give the rest up for the next runner."""
        self._is_ending = True
        carriers = list(self._carried.values())
        for carrier in carriers:
            carrier.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)
        self._ledger.close()
        await flusher
        try:
            await self._sessions.save_jars()
            await sync_to_async(claims.hand_over)(self.id)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("no hand-over, the lease will end by itself: %s", type(error).__name__)

    # --- ticks ---

    async def _sweep(self) -> None:
        """Once a second: the dead, the cancelled, the late, and what no account can take."""
        cancelled, found = await sync_to_async(self._sweep_rows)(frozenset(self._carried))
        for task_id in cancelled:
            if task_id in self._carried and task_id not in self._submitting:
                self._carried[task_id].cancel()
        for task in found:
            await self._adopt(task)
        for kind in await sync_to_async(claims.due_kinds)(timezone.now()):
            await self._fail_hopeless(kind)
        await self._sessions.save_jars()

    def _sweep_rows(self, carried: frozenset[uuid.UUID]) -> tuple[list[uuid.UUID], list[Task]]:
        now = claims.database_now()
        claims.bury_dead_runners(now, besides=self.id)
        records.expire_queued(now)
        held = Account.objects.filter(pk__in=self._sessions.ids())
        outdated = self._sessions.outdated(held.values_list("pk", *EGRESS_FIELDS))
        self._sessions.refresh(held.filter(pk__in=outdated) if outdated else ())
        cancelled = claims.end_cancelled(self.id)
        strays = claims.strays(self.id, carried)
        return cancelled, strays + claims.adopt(self.id, settings.RUNNER_CAPACITY - len(carried))

    async def _adopt(self, task: Task) -> None:
        generation = Generation.of(task)
        if task.account is None:
            await self._ledger.write(lambda: records.record_orphan_of_no_account(generation.claim, timezone.now()))
            return
        self._sessions.of(task.account)
        carry = self._await_grace if task.state == State.UNCERTAIN else self._poll
        self._start(generation, carry)

    async def _fail_hopeless(self, kind: str) -> None:
        """Tasks that no account can take fail with the cause, after expired accounts had another look."""
        now = timezone.now()
        error = await sync_to_async(why_unusable)(kind)
        if error is None or await accounts.recheck_expired(kind, now):
            return
        error = await sync_to_async(why_unusable)(kind)
        if error is not None:
            failed = await sync_to_async(records.fail_queued)(kind, error, now)
            logger.warning("%d %s tasks failed, no account can take them: %s", failed, kind, error.code)

    async def _claim(self) -> None:
        free = SUBMIT_CAP - len(self._submitting)
        if free <= 0 or self._is_ending:
            return
        kinds = await sync_to_async(claims.due_kinds)(timezone.now())
        if not kinds:
            self._has_backlog = False
            return
        claimed = await sync_to_async(claims.claim)(self.id, kinds, free)
        self._has_backlog = len(claimed) == free
        for task in claimed:
            if task.account is not None:
                self._sessions.of(task.account)
                self._submitting.add(task.pk)
                self._start(Generation.of(task), self._submit)

    def _start(self, generation: Generation, carry: Callable[[Generation], Awaitable[None]]) -> None:
        task_id = generation.claim.task_id
        earlier = self._carried.pop(task_id, None)
        if earlier is not None:
            earlier.cancel()  # the grace of an unknown outcome, when its answer arrived late after all
        self._carried[task_id] = asyncio.create_task(self._guard(generation, carry))

    async def _guard(self, generation: Generation, carry: Callable[[Generation], Awaitable[None]]) -> None:
        task_id = generation.claim.task_id
        try:
            await carry(generation)
        except Exception:
            logger.exception("a bug while carrying task %s", task_id)
            await self._ledger.write(lambda: records.record_bug(generation.claim, timezone.now()))
        finally:
            self._submitting.discard(task_id)
            if self._carried.get(task_id) is asyncio.current_task():
                del self._carried[task_id]

    # --- one generation ---

    async def _submit(self, generation: Generation) -> None:
        """Send it, record what Bing said, and go on polling when Bing took it."""
        claim, session = generation.claim, self._sessions.by_id(generation.account_id)
        outcome = await submit_task(generation, session, self._may_send)
        now = timezone.now()
        if isinstance(outcome, Taken):
            generation.request_id, generation.accepted_at = outcome.request_id, now
            is_ours = await self._ledger.write(
                lambda: records.record_accepted(claim, outcome.request_id, generation.lane, now)
            )
            self._submitting.discard(claim.task_id)
            if is_ours:
                await self._follow(generation, outcome, session)
            return
        if isinstance(outcome, Refused):
            await self._ledger.write(lambda: _record_refusal(generation, outcome, now))
        elif isinstance(outcome, Requeue):
            await self._ledger.write(lambda: _record_requeue(generation, outcome, now))
        else:
            await self._ledger.write(lambda: records.record_uncertain(claim, outcome.error))
            self._submitting.discard(claim.task_id)
            await self._await_grace(generation)

    async def _follow(self, generation: Generation, taken: Taken, session: AccountSession) -> None:
        generation.deadline_at = records.result_deadline(
            generation.claim.kind, generation.accepted_at or timezone.now()
        )
        if taken.location:
            seen = await visit_redirect(session, taken.location)
            if isinstance(seen, GivenUp):
                await self._fail(generation, seen)
                return
        await self._poll(generation, session)

    async def _poll(self, generation: Generation, began_with: AccountSession | None = None) -> None:
        """Look at the result when the plan says so, until there is one, or there will be none.

        When an operator rotates the account meanwhile: with the old cookies as long as they do, else with the new ones.
        """
        session = own = began_with or self._sessions.by_id(generation.account_id)
        sort = _sort(generation)
        minimum = 0.0
        while True:
            age = (timezone.now() - (generation.accepted_at or generation.claim.submit_at)).total_seconds()
            left = (generation.deadline_at - timezone.now()).total_seconds()
            pause = minimum or self._plan.pause_seconds(sort, age)
            await asyncio.sleep(max(0.0, min(pause, left)))
            if timezone.now() >= generation.deadline_at:
                await self._time_out(generation)
                return
            seen = await poll_task(generation, session)
            if isinstance(seen, Later):
                minimum = seen.seconds
                await self._note_look(generation, seen.trouble, age)
                if generation.failure_count:
                    session = self._sessions.by_id(generation.account_id) if session is own else own
                continue
            generation.looks.count += 1
            if isinstance(seen, GivenUp):
                await self._fail(generation, seen)
            else:
                await self._complete(generation, seen)
            return

    async def _time_out(self, generation: Generation) -> None:
        claim, looks, now = generation.claim, str(generation.looks), timezone.now()
        await self._ledger.write(lambda: records.record_timed_out(claim, now, looks))

    async def _note_look(self, generation: Generation, trouble: str, age_seconds: float) -> None:
        """What a look without a result adds to the task's story: mostly nothing."""
        line = generation.looks.note(trouble, age_seconds)
        if line is not None:
            kind, text = line
            await self._ledger.write(lambda: records.record_look(generation.claim, kind, text, timezone.now()))

    async def _complete(self, generation: Generation, found: Images | Video) -> None:
        now = timezone.now()
        claim, looks = generation.claim, str(generation.looks)
        if isinstance(found, Images):
            await self._ledger.write(lambda: records.record_images(claim, found.urls, found.prompt, now, looks))
        else:
            await self._ledger.write(lambda: records.record_video(claim, found.url, now, looks))
        await self._ledger.write(lambda: accounts.mark_success(generation.account_id, claim.kind, now))
        if generation.accepted_at is not None:
            self._plan.learn(_sort(generation), (now - generation.accepted_at).total_seconds())

    async def _fail(self, generation: Generation, end: GivenUp) -> None:
        claim, looks, now = generation.claim, str(generation.looks), timezone.now()
        await self._ledger.write(
            lambda: records.record_failed(claim, end.error, now, keeps_slot=end.may_run, looks=looks)
        )

    async def _await_grace(self, generation: Generation) -> None:
        """An unknown outcome stays unknown: after the grace the task says so, and is not sent again."""
        wait = (uncertain_until(generation.claim) - timezone.now()).total_seconds()
        await asyncio.sleep(max(0.0, wait))
        await self._ledger.write(lambda: records.record_unknown(generation.claim, timezone.now()))

    async def _learn(self) -> None:
        for sort, seconds in await sync_to_async(records.recent_durations)():
            self._plan.learn(sort, seconds)


def _sort(generation: Generation) -> tuple[str, str, str]:
    return generation.claim.kind, generation.model, generation.lane


def _record_refusal(generation: Generation, outcome: Refused, now: datetime) -> bool:
    if outcome.may_run:
        return records.record_failed(generation.claim, outcome.error, now, keeps_slot=True)
    return records.record_refused(generation.claim, outcome.error, now)


def _record_requeue(generation: Generation, outcome: Requeue, now: datetime) -> bool:
    return records.record_requeued(
        generation.claim,
        outcome.error,
        now + timedelta(seconds=outcome.delay_seconds),
        account_id=generation.account_id,
        is_counted=outcome.is_counted,
    )


async def run_slice() -> str:
    """One slice with its own connections to Bing; one line on how it ended."""
    door = Door()
    try:
        return await Runner(door).run(settings.RUNNER_SLICE_SECONDS)
    finally:
        await door.aclose()
