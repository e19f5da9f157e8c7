"""Leases of runners and the claims they make: which queued task gets which account, exact over processes and machines.

An account's load is counted from rows inside the claiming transaction, never kept in a counter that could drift.
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

from accounts.leases import drop_lease, keep_lease, take_lease
from accounts.models import Account, AccountCapability, Lease
from bingproject.processes import is_known_dead, process_identity
from creator.models import AT_BING, FINISHED, EventKind, Kind, Runner, State, Task
from creator.services.events import Step, tell


def database_now() -> datetime:
    """The clock that leases are compared by: PostgreSQL's own when machines share it."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


# --- who a runner is, and whether it lives ---


def runner_identity() -> str:
    """A name for this run of this process, by which others on the machine can tell whether it lives."""
    return process_identity(settings.MACHINE_ID)


def _is_known_dead(runner_id: str) -> bool:
    return is_known_dead(runner_id, settings.MACHINE_ID)


def has_live_runner(machine: str | None = None) -> bool:
    """Whether tasks are taken, on this machine or anywhere."""
    rows = Runner.objects.filter(lease_until__gt=timezone.now())
    return (rows if machine is None else rows.filter(machine=machine)).exists()


def needs_runner() -> bool:
    """The watchdog's question: has this machine no live runner?"""
    machine_rows = Runner.objects.filter(machine=settings.MACHINE_ID, lease_until__gt=timezone.now())
    return not any(not _is_known_dead(runner_id) for runner_id in machine_rows.values_list("id", flat=True))


def open_lease(runner_id: str) -> bool:
    """Take this machine's slot; False when another runner holds it."""
    try:
        with transaction.atomic():
            now = database_now()
            bury_dead_runners(now)
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
    """Live on for another lease; False when somebody took this runner for dead."""
    # In a transaction, so that the lease counts from when SQLite's write lock was got, not from when it was asked for.
    with transaction.atomic():
        until = database_now() + timedelta(seconds=settings.RUNNER_LEASE_SECONDS)
        return bool(Runner.objects.filter(pk=runner_id).update(lease_until=until, task_count=task_count))


def bury_dead_runners(now: datetime, besides: str = "") -> None:
    """Delete the rows of runners that are gone; their tasks are then anybody's.

    A runner leaves its own row out: as long as nobody else has buried it, it may still renew a lease that has run out.
    """
    for runner_id, lease_until in Runner.objects.exclude(pk=besides).values_list("id", "lease_until"):
        if lease_until < now or _is_known_dead(runner_id):
            buried, _ = Runner.objects.filter(pk=runner_id, lease_until=lease_until).delete()
            if buried:  # nothing is left to let go of what was cancelled while it ran
                Task.objects.filter(runner=runner_id, state=State.CANCELLED).update(runner=None)


def hand_over(runner_id: str) -> None:
    """Leave everything to whoever comes next: tasks of nobody, no lease."""
    with transaction.atomic():
        Task.objects.filter(runner=runner_id, state__in=(State.POLLING, State.CANCELLED)).update(runner=None)
        Runner.objects.filter(pk=runner_id).delete()


# --- taking over what a dead runner left ---


def adopt(runner_id: str, room: int) -> list[Task]:
    """Take over tasks whose runner is dead: generations go on, half-sent requests become `uncertain`.

    Shape: the adopted rows, each with its account; those `uncertain` are never sent again.
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
        tell(*(_adopted(task_id, state, now) for task_id, state in states.items()))
    return list(Task.objects.filter(pk__in=ids, runner=runner_id).select_related("account"))


def _adopted(task_id: uuid.UUID, state: str, now: datetime) -> Step:
    if state == State.SUBMITTING:
        return Step(task_id, EventKind.UNCERTAIN, now, "its worker died between sending and hearing")
    return Step(task_id, EventKind.ADOPTED, now, "its worker had gone")


def strays(runner_id: str, carried: Collection[uuid.UUID]) -> list[Task]:
    """The runner's own rows that it does not carry: the commit that gave them was thought to have failed.

    Those `submitting` were never sent, so they go back into the queue; the others are returned to be carried.
    """
    rows = Task.objects.filter(runner=runner_id, state__in=AT_BING)
    lost = [task_id for task_id in rows.values_list("pk", flat=True) if task_id not in carried]
    if not lost:
        return []
    mine = rows.filter(pk__in=lost)
    with transaction.atomic():
        unsent = mine.filter(state=State.SUBMITTING)
        steps = [
            Step(task_id, EventKind.REQUEUED, timezone.now(), "it was never sent") for task_id in unsent.lock_ids()
        ]
        unsent.update(state=State.QUEUED, runner=None, account=None, submit_at=None)
        tell(*steps)
    return list(mine.select_related("account"))


def end_cancelled(runner_id: str) -> list[uuid.UUID]:
    """Let go of rows that were cancelled while this runner polled them; their ids."""
    rows = Task.objects.filter(runner=runner_id, state=State.CANCELLED)
    ids = list(rows.values_list("pk", flat=True))
    if ids:
        rows.filter(pk__in=ids).update(runner=None)
    return ids


def _locked(rows: QuerySet[Task]) -> QuerySet[Task]:
    return rows.select_for_update(skip_locked=True) if connection.vendor == "postgresql" else rows


# --- giving queued tasks an account ---


@dataclass(slots=True)
class _Seat:
    """An account's capability in one claim: what it may still take."""

    capability_id: int
    account_id: int
    limit: int
    load: int

    @property
    def room(self) -> int:
        return self.limit - self.load


# Of fixed text, since an idle runner asks it seven times a second; read-only: it never takes SQLite's write lock.
_IS_DUE = "EXISTS(SELECT 1 FROM creator_task WHERE state = 'queued' AND kind = %s AND next_at <= %s)"


def due_kinds(now: datetime) -> list[str]:
    """Kinds with a task that waits for an account."""
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join([_IS_DUE] * len(Kind))}", [x for kind in Kind.values for x in (kind, moment)]
        )
        return [kind for kind, is_due in zip(Kind.values, cursor.fetchone(), strict=True) if is_due]


def claim(runner_id: str, kinds: Iterable[str], free_submits: int) -> list[Task]:
    """Give up to `free_submits` queued tasks an account and commit them as `submitting`.

    Shape: the claimed rows with their account; a POST may follow for each, exactly one.
    """
    claimed: list[Task] = []
    with transaction.atomic():
        now = database_now()
        if not Runner.objects.filter(pk=runner_id, lease_until__gt=now).exists():
            return []
        held = Task.objects.filter(runner=runner_id, state__in=AT_BING).count()
        free = min(free_submits, settings.RUNNER_CAPACITY - held)
        for kind in kinds:
            if len(claimed) < free:
                claimed += _claim_kind(runner_id, kind, free - len(claimed), now)
    return claimed


def _claim_kind(runner_id: str, kind: str, free: int, now: datetime) -> list[Task]:
    seats = _seats(kind, free, now)
    if not seats:
        return []
    claimed = []
    accounts = Account.objects.in_bulk([seat.account_id for seat in seats])
    for task in _fair_queue(kind, min(free, sum(seat.room for seat in seats)), now):
        seat = _best_seat(seats, task)
        if seat is None:
            continue
        seat.load += 1
        mine = Task.objects.filter(pk=task.pk, state=State.QUEUED)
        account = accounts[seat.account_id]
        if mine.update(
            state=State.SUBMITTING,
            runner=runner_id,
            account=account,
            attempt_count=F("attempt_count") + 1,
            submit_at=now,
        ):
            task.state, task.runner, task.account, task.submit_at = State.SUBMITTING, runner_id, account, now
            task.attempt_count += 1
            claimed.append(task)
    tell(
        *(Step(task.pk, EventKind.CLAIMED, now, f"attempt {task.attempt_count}", str(task.account)) for task in claimed)
    )
    served = {task.account_id for task in claimed}
    AccountCapability.objects.filter(capability=kind, account__in=served).update(served_at=now)
    return claimed


def _seats(kind: str, free: int, now: datetime) -> list[_Seat]:
    """Usable accounts with room, least loaded and then longest unserved first, locked until the claim commits."""
    # Plain values: of hundreds of usable accounts only the few that get work are worth a whole row.
    usable = AccountCapability.objects.usable(kind, now).values_list("pk", "account_id", "limit")
    loads = account_loads(kind, now)
    seats = [_Seat(pk, account_id, limit, loads[account_id]) for pk, account_id, limit in usable]
    seats = sorted((seat for seat in seats if seat.room > 0), key=lambda seat: seat.load)[: max(free, 1)]
    if connection.vendor != "postgresql":
        return seats  # the IMMEDIATE transaction has the only write lock
    rows = AccountCapability.objects.filter(pk__in=[seat.capability_id for seat in seats])
    locked = set(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
    # Counted again: another machine may have claimed between our count and our lock.
    loads = account_loads(kind, now)
    again = [replace(seat, load=loads[seat.account_id]) for seat in seats if seat.capability_id in locked]
    return [seat for seat in again if seat.room > 0]


def account_loads(kind: str, now: datetime) -> Counter[int]:
    """How many requests of the kind may be running at Bing, by account id: tasks, and what is made without one."""
    running = Task.objects.filter(kind=kind, state__in=AT_BING)
    lingering = Task.objects.filter(kind=kind, slot_until__gt=now, state__in=FINISHED)
    held = Lease.objects.filter(capability=kind, until__gt=now)
    loads: Counter[int] = Counter()
    for rows in (running, lingering, held):
        for account_id, count in rows.order_by().values_list("account_id").annotate(count=Count("pk")):
            if account_id is not None:
                loads[account_id] += count
    return loads


def take_room(account_id: int, kind: str, holder: str, now: datetime, until: datetime) -> Lease | None:
    """Hold a place of the account's for something made without a task; None when it has none, or is not usable.

    As exact as a claim: counted under the same row's lock, and from then on by every claim, until `until`.
    """
    with transaction.atomic():
        lease = take_lease(kind, holder, now, only=account_id)
        if lease is None:
            return None
        limit = AccountCapability.objects.values_list("limit", flat=True).get(account=account_id, capability=kind)
        if account_loads(kind, now)[account_id] > limit:
            drop_lease(lease.pk)
            return None
        keep_lease(lease.pk, until)
    return lease


def _best_seat(seats: Sequence[_Seat], task: Task) -> _Seat | None:
    """The least loaded account with room, one that has not refused this task if there is any."""
    free = [seat for seat in seats if seat.room > 0]
    untried = [seat for seat in free if seat.account_id not in task.tried_accounts]
    return min(untried or free, key=lambda seat: seat.load, default=None)


def _fair_queue(kind: str, count: int, now: datetime) -> Sequence[Task]:
    """The next tasks in an order that is fair between key-holders: whoever has least running goes first."""
    # Ids first: thousands may wait, and only the few that are chosen are worth whole rows.
    due = Task.objects.due(now).filter(kind=kind).values_list("pk", "holder", "created_at")
    order = [F("created_at").asc(), F("id").asc()]
    ranked = due.annotate(rank=Window(RowNumber(), partition_by=F("holder"), order_by=order))
    candidates = list(ranked.filter(rank__lte=count).order_by("rank", "created_at", "id")[: count * 20])
    running = Task.objects.filter(state__in=AT_BING).order_by().values_list("holder").annotate(count=Count("pk"))
    loads: dict[str, int] = dict(running)
    candidates.sort(key=lambda found: (loads.get(found[1], 0) + found[3], found[2]))
    chosen = [task_id for task_id, *_ in candidates[:count]]
    tasks = Task.objects.in_bulk(chosen)
    return [tasks[task_id] for task_id in chosen if task_id in tasks]
