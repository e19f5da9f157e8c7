"""Rows for tests: plain functions with usable defaults; keyword arguments override columns."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from cryptography.fernet import Fernet
from django.utils import timezone

from accounts.callers.services import Caller, issue_api_key
from accounts.models import Account, AccountState, WhitelistedUser
from bingproject.conf.environment import new_seal_key
from bingproject.models import LiveProcess, Machine
from bingproject.sandbox.core.tokens import LIFE_SECONDS, TENANT, object_id
from bingproject.sandbox.providers import make_token
from bingproject.security.encryption import encrypt
from creator.models import FINISHED, Result, Runner, State, Task

_numbers = itertools.count(1)


def make_account(
    name: str = "",
    *,
    cookie: str = "",
    state: str = AccountState.OK,
    cookies: dict[str, str] | None = None,
    **columns: Any,
) -> Account:
    """An account that Bing has called signed in; its `_U` is its name unless said otherwise."""
    name = name or f"account-{next(_numbers)}"
    account = Account.objects.create(name=name, **columns)
    account.rotate(cookies or {"_U": cookie or name}, timezone.now())
    if state != account.state:
        account.mark(AccountState(state), "", timezone.now())
    account.refresh_from_db()
    return account


def make_token_account(kind: str, name: str = "", *, token: str = "", **columns: Any) -> Account:
    """An account of Copilot's or Microsoft 365's, signed in by a token that the sandbox takes for an hour."""
    name = name or f"account-{next(_numbers)}"
    text = token or make_token(kind, name, timezone.now().timestamp() + LIFE_SECONDS)
    known = {"object_id": object_id(name), "tenant_id": TENANT, "tier": "individual"} if kind == "m365" else {}
    defaults = {"state": AccountState.OK, "encrypted_token": encrypt(text), "cookies_at": timezone.now()}
    return Account.objects.create(name=name, kind=kind, **(defaults | known | columns))


def make_undecryptable(account: Account, *columns: str) -> None:
    """Let these secrets be encrypted with a key that nobody has, as after restoring half a backup."""
    lost = Fernet(new_seal_key()).encrypt(b"lost").decode("ascii")
    Account.objects.filter(pk=account.pk).update(**dict.fromkeys(columns, lost))
    account.refresh_from_db()


def set_capability(account: Account, capability: str, **columns: Any) -> None:
    """Change what the account may do of one kind: `limit`, `cooldown_until`, …"""
    account.capabilities.filter(capability=capability).update(**columns)


def make_user(user_id: str = "", **columns: Any) -> WhitelistedUser:
    """A person who may use the server."""
    return WhitelistedUser.objects.create(user_id=user_id or f"user-{next(_numbers)}", **columns)


def make_key(user: WhitelistedUser | None = None) -> tuple[Caller, str]:
    """A key of a user: whom it stands for, and its text."""
    user = user or make_user()
    row, text = issue_api_key(user.user_id)
    return Caller(caller_id=f"user:{user.user_id}", user=user, key=row), text


def make_task(*, images: list[str] | None = None, **columns: Any) -> Task:
    """A task of the open caller, waiting for an account; finished ones get their time, `images` become results."""
    now = timezone.now()
    defaults: dict[str, Any] = {
        "prompt": "a red fox in the snow",
        "caller_id": "open",
        "created_at": now,
        "next_at": now,
        "deadline_at": now + timedelta(hours=1),
    }
    if columns.get("state", State.QUEUED) in FINISHED:
        defaults["finished_at"] = now
    task = Task.objects.create(**(defaults | columns))
    Result.objects.bulk_create(Result(task=task, index=index, url=url) for index, url in enumerate(images or []))
    return task


def make_history(kind: str = "image", model: str = "DALLE", lane: str = "fast", seconds: float = 0.2) -> None:
    """Finished generations of somebody else from which a runner learns that such ones end this soon."""
    end = timezone.now()
    begin = end - timedelta(seconds=seconds)
    for _ in range(5):
        make_task(
            kind=kind,
            model=model,
            lane=lane,
            caller_id="earlier",
            state=State.COMPLETED,
            accepted_at=begin,
            finished_at=end,
        )


def make_runner(**columns: Any) -> Runner:
    """A runner that lives for another minute."""
    now = timezone.now()
    name = f"runner-{next(_numbers)}"
    defaults = {
        "id": name,
        "machine": "test",
        "slot": name,
        "lease_until": now + timedelta(minutes=1),
        "started_at": now,
    }
    return Runner.objects.create(**(defaults | columns))


def make_machine(**columns: Any) -> Machine:
    """A cluster that was heard of just now."""
    now = timezone.now()
    name = f"machine-{next(_numbers)}"
    defaults = {
        "process": name, "role": Machine.CLUSTER, "machine_id": name, "host": "test", "pid": 1,
        "started_at": now, "seen_at": now,
    }  # fmt: skip
    return Machine.objects.create(**(defaults | columns))


def make_process(process: str, **columns: Any) -> LiveProcess:
    """The row of a web process that was seen just now."""
    now = timezone.now()
    defaults = {
        "role": LiveProcess.WEB,
        "machine_id": "test",
        "host": "test",
        "pid": 1,
        "started_at": now,
        "seen_at": now,
    }
    return LiveProcess.objects.create(process=process, **(defaults | columns))
