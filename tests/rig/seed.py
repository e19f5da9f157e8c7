"""Fills a system's database through the project's own services, in a process of its own.

The environment says which database; what is made is printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import timedelta

from django.utils import timezone

from accounts.callers import services as caller_services
from accounts.microsoft import services as account_services
from accounts.models import Account, AccountCapability, AccountKind, WhitelistedUser
from creator.models import Result, State, Task
from creator.services import GenerationRequest, TaskOrigin, create_task
from tests.factories import make_token_account

CHUNK = 2000


def add_accounts(count: int, limit: int, kind: str) -> None:
    """Accounts that the sandbox takes for signed in, each with the same limit for all it can do, and no other pace."""
    for number in range(count):
        name = f"rig-{number:04}"
        if kind == AccountKind.BING:
            account = Account.objects.create(name=name)
            account_services.rotate_cookies(account, {"_U": f"rig-account-{number:04}"}, timezone.now())
        else:
            make_token_account(kind, name)
    AccountCapability.objects.update(limit=limit, per_minute=None)


def add_keys(count: int) -> list[str]:
    """Users with one key each; the keys."""
    keys = []
    for number in range(count):
        user = WhitelistedUser.objects.create(user_id=f"rig-{number:03}")
        keys.append(caller_services.issue_api_key(user.user_id)[1])
    return keys


def queue_tasks(count: int, prefix: str, caller_ids: int) -> int:
    """Waiting tasks of as many callers as needed, made as a request would; how many."""
    now = timezone.now()
    for number in range(count):
        request = GenerationRequest(kind="image", prompt=f"{prefix} {number}")
        create_task(request, TaskOrigin(f"user:rig-{number % caller_ids:03}", "image"), now, 300)
    return count


def store_finished(count: int, caller_id: str) -> str:
    """Finished tasks of one caller with four pictures each; the newest one's id."""
    task_id = ""
    for start in range(0, count, CHUNK):
        tasks = [_finished(number, caller_id) for number in range(start, min(start + CHUNK, count))]
        Task.objects.bulk_create(tasks)
        Result.objects.bulk_create(
            Result(task=task, index=index, url=f"https://th.example.org/th/id/OIG1.{task.pk.hex[:20]}{index}?pid=ImgGn")
            for task in tasks[: 50 if start else CHUNK]
            for index in range(4)
        )
        task_id = str(tasks[0].pk)
    return task_id


def _finished(number: int, caller_id: str) -> Task:
    at = timezone.now() - timedelta(seconds=number % 80_000)
    return Task(
        prompt=f"stored {number}", caller_id=caller_id, route="image", state=State.COMPLETED,
        request_id=f"1-{number:032x}", lane="fast", next_at=at, deadline_at=at, created_at=at, submit_at=at,
        accepted_at=at, finished_at=at,
    )  # fmt: skip


def cancel_open() -> int:
    """End whatever is open, as its caller could; how many. Only while no runner lives."""
    open_rows = Task.objects.unfinished()
    return open_rows.update(state=State.CANCELLED, runner=None, error_code="cancelled", finished_at=timezone.now())


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser()
    for name in ("accounts", "limit", "keys", "queue", "caller_ids", "finished", "cancel"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--kind", choices=AccountKind.values, default=AccountKind.BING)
    parser.add_argument("--prefix", default="rig")
    parser.add_argument("--caller-id", default="open")
    wanted = parser.parse_args()
    made: object = None
    if wanted.accounts:
        add_accounts(wanted.accounts, wanted.limit or 3, wanted.kind)
        made = add_keys(wanted.keys)
    if wanted.queue:
        made = queue_tasks(wanted.queue, wanted.prefix, wanted.caller_ids or 1)
    if wanted.finished:
        made = store_finished(wanted.finished, wanted.caller_id)
    if wanted.cancel:
        made = cancel_open()
    json.dump(made, sys.stdout)
