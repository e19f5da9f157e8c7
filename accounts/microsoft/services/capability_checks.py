"""Check each capability of an account without spending anything, and count what the account is doing.

The apps have the checks and the counts; CAPABILITY_CHECKS and ACCOUNT_LOADS name them, since this app imports neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.microsoft.leases import count_leases
from accounts.models import CAPABILITIES, Account, AccountCapability, AccountKind, CheckState
from bingproject.errors import ServiceError, UpstreamError, UpstreamRefusedError


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The arguments of a capability's check.

    Attributes:
        account: The account to check.
        client: An HTTP client with the account's cookies.
        page: Bing's start page, just read with the account signed in; "" for an account that signs in with a token.
        may_open: The operator has allowed the check to open a conversation.
    """

    account: Account
    client: httpx.AsyncClient
    page: str
    may_open: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check; `note` is a sentence for the operator."""

    state: CheckState
    note: str


Check = Callable[[CheckContext], Awaitable[Finding]]
LoadQuestion = Callable[[Collection[int], datetime], Mapping[tuple[int, str], int]]


async def check_capabilities(context: CheckContext) -> None:
    """Run the checks of all the account's capabilities at the same time, and store the findings."""
    checks: dict[str, Check] = {
        name: import_string(settings.CAPABILITY_CHECKS[name]) for name in _names(context.account)
    }
    findings = await asyncio.gather(*(_find(check, context) for check in checks.values()))
    await sync_to_async(_record)(context.account, dict(zip(checks, findings, strict=True)))


async def note_for_all(account: Account, finding: Finding) -> None:
    """Store one finding for every capability of the account."""
    await sync_to_async(_record)(account, dict.fromkeys(_names(account), finding))


def judge_failure(error: ServiceError) -> Finding:
    """Return the finding for a failed check: unknown for an outage or an unreadable page, else failed."""
    if isinstance(error, UpstreamError) and not isinstance(error, UpstreamRefusedError):
        return Finding(CheckState.UNKNOWN, f"Cannot tell now: {error.message}")
    return Finding(CheckState.FAILED, error.message)


def read_loads(account_ids: Collection[int], now: datetime) -> dict[tuple[int, str], int]:
    """Count the work of each account, by account id and capability, with one query per app."""
    loads = dict(count_leases(account_ids, now))
    for dotted in settings.ACCOUNT_LOADS:
        question: LoadQuestion = import_string(dotted)
        for key, count in question(account_ids, now).items():
            loads[key] = loads.get(key, 0) + count
    return loads


def _names(account: Account) -> list[str]:
    kind = AccountKind(account.kind)
    return [str(capability) for capability in CAPABILITIES[kind] if capability in settings.CAPABILITY_CHECKS]


async def _find(check: Check, context: CheckContext) -> Finding:
    try:
        return await check(context)
    except ServiceError as error:
        return judge_failure(error)


def _record(account: Account, findings: Mapping[str, Finding]) -> None:
    now = timezone.now()
    for capability, finding in findings.items():
        AccountCapability.note_check(account, capability, finding.state, finding.note, now)
