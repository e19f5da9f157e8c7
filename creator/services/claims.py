"""Leases of runners, and claims: which queued task gets which account, exact over processes and machines.

An account's load is counted from rows in the claiming transaction, not kept in a counter, which could drift.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from accounts.microsoft.leases import drop_lease, keep_lease, take_lease
from accounts.models import Account, AccountCapability, Lease
from bingproject.cluster.processes import is_known_dead, process_identity
from creator.models import AT_BING, FINISHED, LONGEST_DELAY, EventKind, Kind, Runner, State, Task
from creator.services.durations import LONGEST_SLOT_SECONDS
from creator.services.events import Step, log_steps


def database_now() -> datetime:
    """Return the time by which leases are compared: PostgreSQL's own, so that clocks of machines may differ."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


# --- runners and their leases ---


def runner_identity() -> str:
    """Return a name for this run of this process, by which others on the machine can check that it is alive."""
    return process_identity(settings.MACHINE_ID)


def _is_known_dead(runner_id: str) -> bool:
    return is_known_dead(runner_id, settings.MACHINE_ID)


def has_live_runner(machine: str | None = None) -> bool:
    """True if a runner is alive, on the given machine or on any."""
    rows = Runner.objects.filter(lease_until__gt=timezone.now())
    return (rows if machine is None else rows.filter(machine=machine)).exists()


def needs_runner() -> bool:
    """True if this machine has no live runner, so that the watchdog must start one."""
    machine_rows = Runner.objects.filter(machine=settings.MACHINE_ID, lease_until__gt=timezone.now())
    return not any(not _is_known_dead(runner_id) for runner_id in machine_rows.values_list("id", flat=True))


def open_lease(runner_id: str) -> bool:
    """Become this machine's runner; return False if another one is."""
    try:
        with transaction.atomic():
            now = database_now()
            remove_dead_runners(now)
            Runner.objects.create(
                id=runner_id,
                machine=settings.MACHINE_ID,
                slot=settings.MACHINE_ID,
                lease_until=now + timedelta(seconds=settings.RUNNER_LEASE_SECONDS),
                started_at=now,
            )
    except IntegrityError:
        return False
    return True


def renew_lease(runner_id: str, task_count: int) -> bool:
    """Renew the lease; return False if another process has removed this runner as dead."""
    # In a transaction, so that the lease begins when SQLite's write lock is acquired, not when it is requested.
    with transaction.atomic():
        until = database_now() + timedelta(seconds=settings.RUNNER_LEASE_SECONDS)
        return bool(Runner.objects.filter(pk=runner_id).update(lease_until=until, task_count=task_count))


def remove_dead_runners(now: datetime, besides: str = "") -> None:
    """Delete the rows of runners that are dead, so that others may adopt their tasks.

    Args:
        besides: The caller's own runner id. As long as nobody has removed its row, it may renew a lapsed lease.
    """
    for runner_id, lease_until in Runner.objects.exclude(pk=besides).values_list("id", "lease_until"):
        if lease_until < now or _is_known_dead(runner_id):
            # By the lease as it was read: a runner that has renewed it since is alive.
            removed, _ = Runner.objects.filter(pk=runner_id, lease_until=lease_until).delete()
            if removed:  # it can no longer release the tasks that were cancelled while it polled them
                Task.objects.filter(runner=runner_id, state=State.CANCELLED).update(runner=None)


def hand_over(runner_id: str) -> None:
    """Give up the lease and all tasks, for the next runner to adopt."""
    with transaction.atomic():
        Task.objects.filter(runner=runner_id, state__in=(State.POLLING, State.CANCELLED)).update(runner=None)
        Runner.objects.filter(pk=runner_id).delete()


# --- tasks whose runner is dead, or lost them ---


def adopt(runner_id: str, room: int) -> list[Task]:
    """Adopt at most `room` tasks whose runner is dead.

    Generations at Bing continue. A task that was being sent becomes `uncertain` and is never sent again, because nobody
    knows whether Bing has it.

    Returns:
        The adopted rows, each with its account.
    """
    orphans = Task.objects.orphaned()
    if room <= 0 or not orphans.exists():
        return []
    with transaction.atomic():
        states = dict(_locked(orphans).values_list("pk", "state")[:room])
        ids, now = list(states), timezone.now()
        mine = Task.objects.filter(pk__in=ids)
        mine.filter(state=State.POLLING).update(runner=runner_id)
        mine.filter(state__in=(State.SUBMITTING, State.UNCERTAIN)).update(runner=runner_id, state=State.UNCERTAIN)
        log_steps(*(_adopted(task_id, state, now) for task_id, state in states.items()))
    return list(Task.objects.filter(pk__in=ids, runner=runner_id).select_related("account"))


def _adopted(task_id: uuid.UUID, state: str, now: datetime) -> Step:
    if state == State.SUBMITTING:
        return Step(task_id, EventKind.UNCERTAIN, now, "its worker died before Bing's answer arrived")
    return Step(task_id, EventKind.ADOPTED, now, "its worker had stopped")


def recover_own(runner_id: str, running: Collection[uuid.UUID], maybe_sent: Collection[uuid.UUID]) -> list[Task]:
    """Recover the runner's own rows that no coroutine of it runs, and return those to continue, with their accounts.

    A `submitting` row goes back into the queue if this runner never started to send it: its claim was committed, but
    the commit seemed to fail. Otherwise its outcome could not be written, so it becomes `uncertain`.

    Args:
        running: Tasks that a coroutine of this runner works on.
        maybe_sent: Tasks that this runner started to send and whose outcome it has not written yet.
    """
    rows = Task.objects.filter(runner=runner_id, state__in=AT_BING)
    lost = [task_id for task_id in rows.values_list("pk", flat=True) if task_id not in running]
    if not lost:
        return []
    mine = rows.filter(pk__in=lost)
    with transaction.atomic():
        submitting = mine.filter(state=State.SUBMITTING).lock_ids()
        in_doubt = [task_id for task_id in submitting if task_id in maybe_sent]
        unsent = [task_id for task_id in submitting if task_id not in maybe_sent]
        now = timezone.now()
        mine.filter(pk__in=in_doubt).update(state=State.UNCERTAIN)
        mine.filter(pk__in=unsent).update(state=State.QUEUED, runner=None, account=None, submit_at=None)
        log_steps(
            *(Step(task_id, EventKind.UNCERTAIN, now, "its outcome could not be written") for task_id in in_doubt),
            *(Step(task_id, EventKind.REQUEUED, now, "it was never sent") for task_id in unsent),
        )
    # Still `submitting` are rows that another transaction has locked: they wait for the next sweep.
    return list(mine.exclude(state=State.SUBMITTING).select_related("account"))


def release_cancelled(runner_id: str) -> list[uuid.UUID]:
    """Release rows that were cancelled while this runner polled them; return their ids."""
    rows = Task.objects.filter(runner=runner_id, state=State.CANCELLED)
    ids = list(rows.values_list("pk", flat=True))
    if ids:
        rows.filter(pk__in=ids).update(runner=None)
    return ids


def _locked(rows: QuerySet[Task]) -> QuerySet[Task]:
    # Without rows that another runner is adopting at the same moment.
    return rows.select_for_update(skip_locked=True) if connection.vendor == "postgresql" else rows


# --- claims ---


@dataclass(slots=True)
class _Candidate:
    """An account that a claim may use, with its limit and present load."""

    capability_id: int
    account_id: int
    limit: int
    load: int

    @property
    def room(self) -> int:
        return self.limit - self.load


# Fixed text, because an idle runner asks seven times a second; read-only, so that it never takes SQLite's write lock.
_IS_DUE = "EXISTS(SELECT 1 FROM creator_task WHERE state = 'queued' AND kind = %s AND (next_at <= %s OR next_at > %s))"


def due_kinds(now: datetime) -> list[str]:
    """Return the kinds that have a task due (see `TaskQuerySet.due`)."""
    moments = [connection.ops.adapt_datetimefield_value(moment) for moment in (now, now + LONGEST_DELAY)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join([_IS_DUE] * len(Kind))}", [x for kind in Kind.values for x in (kind, *moments)]
        )
        return [kind for kind, is_due in zip(Kind.values, cursor.fetchone(), strict=True) if is_due]


def claim(runner_id: str, kinds: Iterable[str], free_submits: int) -> list[Task]:
    """Give at most `free_submits` queued tasks an account and commit them as `submitting`.

    Returns:
        The claimed rows with their accounts. The runner may send exactly one POST for each.
    """
    claimed: list[Task] = []
    with transaction.atomic():
        now = database_now()
        # In the claiming transaction: a runner whose lease has lapsed must not send anything.
        if not Runner.objects.filter(pk=runner_id, lease_until__gt=now).exists():
            return []
        # From the table and not from memory, which lacks rows whose claim only seemed to fail.
        held = Task.objects.filter(runner=runner_id, state__in=AT_BING).count()
        free = min(free_submits, settings.RUNNER_CAPACITY - held)
        for kind in kinds:
            if len(claimed) < free:
                claimed += _claim_kind(runner_id, kind, free - len(claimed), now)
    return claimed


def _claim_kind(runner_id: str, kind: str, free: int, now: datetime) -> list[Task]:
    candidates = _lock_candidates(kind, free, now)
    if not candidates:
        return []
    claimed = []
    accounts = Account.objects.in_bulk([candidate.account_id for candidate in candidates])
    for task in _fair_queue(kind, min(free, sum(candidate.room for candidate in candidates)), now):
        candidate = _best_candidate(candidates, task)
        if candidate is None:
            continue
        candidate.load += 1
        # Guarded by the attempt that was read: another machine may have claimed and requeued the task since.
        mine = Task.objects.filter(pk=task.pk, state=State.QUEUED, attempt_count=task.attempt_count)
        account = accounts[candidate.account_id]
        if mine.update(
            state=State.SUBMITTING,
            runner=runner_id,
            account=account,
            attempt_count=task.attempt_count + 1,
            submit_at=now,
        ):
            task.state, task.runner, task.account, task.submit_at = State.SUBMITTING, runner_id, account, now
            task.attempt_count += 1
            claimed.append(task)
    log_steps(
        *(Step(task.pk, EventKind.CLAIMED, now, f"attempt {task.attempt_count}", str(task.account)) for task in claimed)
    )
    # Of equally loaded accounts, the next claim takes the one served least recently.
    served = {task.account_id for task in claimed}
    AccountCapability.objects.filter(capability=kind, account__in=served).update(served_at=now)
    return claimed


def _lock_candidates(kind: str, free: int, now: datetime) -> list[_Candidate]:
    """Lock and return usable accounts with room, least loaded and then longest unserved first."""
    # Plain values, because only the few of hundreds of accounts that get work need a model object.
    usable = AccountCapability.objects.usable(kind, now).values_list("pk", "account_id", "limit")
    loads = account_loads(kind, now)
    candidates = [_Candidate(pk, account_id, limit, loads[account_id]) for pk, account_id, limit in usable]
    with_room = [candidate for candidate in candidates if candidate.room > 0]
    candidates = sorted(with_room, key=lambda candidate: candidate.load)[: max(free, 1)]
    if connection.vendor != "postgresql":
        return candidates  # SQLite's IMMEDIATE transaction has the only write lock
    rows = AccountCapability.objects.filter(pk__in=[candidate.capability_id for candidate in candidates])
    locked = set(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
    # Count again: another machine may have claimed between the count and the lock.
    loads = account_loads(kind, now)
    again = [
        replace(candidate, load=loads[candidate.account_id])
        for candidate in candidates
        if candidate.capability_id in locked
    ]
    return [candidate for candidate in again if candidate.room > 0]


def account_loads(kind: str, now: datetime) -> Counter[int]:
    """Return the number of requests that may be running at Bing, by account id: tasks, and leases without a task."""
    running = Task.objects.filter(kind=kind, state__in=AT_BING)
    # A slot reserved for longer than any is was written by a clock that ran ahead: it does not count.
    latest = now + timedelta(seconds=LONGEST_SLOT_SECONDS)
    lingering = Task.objects.filter(kind=kind, slot_until__gt=now, slot_until__lte=latest, state__in=FINISHED)
    held = Lease.objects.filter(capability=kind, until__gt=now)
    loads: Counter[int] = Counter()
    for rows in (running, lingering, held):
        for account_id, count in rows.order_by().values_list("account_id").annotate(count=Count("pk")):
            if account_id is not None:
                loads[account_id] += count
    return loads


def reserve_slot(account_id: int, kind: str, holder: str, now: datetime, until: datetime) -> Lease | None:
    """Reserve a slot of the account until `until`, for a generation without a task.

    As exact as a claim: the load is counted under the same row lock, and every later claim counts the lease.

    Returns:
        The lease; None if the account has no room or is not usable.
    """
    with transaction.atomic():
        lease = take_lease(kind, holder, now, only=account_id)
        if lease is None:
            return None
        limit = AccountCapability.objects.values_list("limit", flat=True).get(account=account_id, capability=kind)
        # The new lease is in the count already.
        if account_loads(kind, now)[account_id] > limit:
            drop_lease(lease.pk)
            return None
        keep_lease(lease.pk, until)
    return lease


def _best_candidate(candidates: Sequence[_Candidate], task: Task) -> _Candidate | None:
    """Return the least loaded account with room, preferably one that has not refused this task."""
    free = [candidate for candidate in candidates if candidate.room > 0]
    untried = [candidate for candidate in free if candidate.account_id not in task.tried_accounts]
    return min(untried or free, key=lambda candidate: candidate.load, default=None)


def _fair_queue(kind: str, count: int, now: datetime) -> Sequence[Task]:
    """Return the next tasks in an order that is fair between callers: who has the fewest running comes first."""
    # Ids first, because thousands may wait and only the few chosen ones need model objects.
    due = Task.objects.due(now).filter(kind=kind).values_list("pk", "caller_id", "created_at")
    order = [F("created_at").asc(), F("id").asc()]
    ranked = due.annotate(rank=Window(RowNumber(), partition_by=F("caller_id"), order_by=order))
    first_ranks = list(ranked.filter(rank__lte=count).order_by("rank", "created_at", "id")[: count * 20])
    running = Task.objects.filter(state__in=AT_BING).order_by().values_list("caller_id").annotate(count=Count("pk"))
    loads: dict[str, int] = dict(running)
    # Each caller's n-th waiting task counts as if n - 1 others of theirs were running already.
    first_ranks.sort(key=lambda found: (loads.get(found[1], 0) + found[3], found[2]))
    chosen = [task_id for task_id, *_ in first_ranks[:count]]
    tasks = Task.objects.in_bulk(chosen)
    return [tasks[task_id] for task_id in chosen if task_id in tasks]
