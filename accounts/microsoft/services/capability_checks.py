"""What of each capability can be proved live without spending anything. Each app knows its own; settings name them."""

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

from accounts.leases import count_leases
from accounts.models import CAPABILITIES, Account, AccountCapability, AccountKind, CheckState
from bingproject.errors import ServiceError, UpstreamError, UpstreamRefusedError


@dataclass(frozen=True, slots=True)
class Look:
    """What a check of a capability is given.

    Shape: `client` has the account's cookies; `page` is Bing's start page, read a moment ago, with the account signed
    in; `may_open`: the operator has ticked that a conversation may be opened.
    """

    account: Account
    client: httpx.AsyncClient
    page: str
    may_open: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to, in words for the operator."""

    state: CheckState
    note: str


Check = Callable[[Look], Awaitable[Finding]]
LoadQuestion = Callable[[Collection[int], datetime], Mapping[tuple[int, str], int]]


async def prove_capabilities(look: Look) -> None:
    """Ask each app for its capability, side by side, and record the answers."""
    checks: dict[str, Check] = {name: import_string(settings.CAPABILITY_CHECKS[name]) for name in _names(look.account)}
    findings = await asyncio.gather(*(_find(check, look) for check in checks.values()))
    await sync_to_async(_record)(look.account, dict(zip(checks, findings, strict=True)))


async def note_for_all(account: Account, finding: Finding) -> None:
    """What stands in the way of every capability."""
    await sync_to_async(_record)(account, dict.fromkeys(_names(account), finding))


def judge_failure(error: ServiceError) -> Finding:
    """A failure as a finding: an outage or a page that cannot be read tells nothing of the account."""
    if isinstance(error, UpstreamError) and not isinstance(error, UpstreamRefusedError):
        return Finding(CheckState.UNKNOWN, f"Cannot tell now: {error.message}")
    return Finding(CheckState.FAILED, error.message)


def read_loads(account_ids: Collection[int], now: datetime) -> dict[tuple[int, str], int]:
    """How much each account is doing, by account and capability: one query for each app, however many accounts."""
    loads = dict(count_leases(account_ids, now))
    for dotted in settings.ACCOUNT_LOADS:
        question: LoadQuestion = import_string(dotted)
        for key, count in question(account_ids, now).items():
            loads[key] = loads.get(key, 0) + count
    return loads


def _names(account: Account) -> list[str]:
    kind = AccountKind(account.kind)
    return [str(capability) for capability in CAPABILITIES[kind] if capability in settings.CAPABILITY_CHECKS]


async def _find(check: Check, look: Look) -> Finding:
    try:
        return await check(look)
    except ServiceError as error:
        return judge_failure(error)


def _record(account: Account, findings: Mapping[str, Finding]) -> None:
    now = timezone.now()
    for capability, finding in findings.items():
        AccountCapability.note_check(account, capability, finding.state, finding.note, now)
