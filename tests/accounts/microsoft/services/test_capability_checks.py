"""Questions that settings name: each capability's check, and what accounts are doing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.microsoft.leases import take_lease
from accounts.microsoft.services.capability_checks import (
    CheckContext,
    Finding,
    check_capabilities,
    judge_failure,
    read_loads,
)
from accounts.models import Capability, CheckState
from bingproject.errors import (
    AccountThrottledError,
    CookieExpiredError,
    NoAccountError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from tests.factories import make_account, set_capability

pytestmark = pytest.mark.django_db


async def works(context: CheckContext) -> Finding:
    """A check of another app's."""
    return Finding(CheckState.OK, f"{context.account.name}: {context.page}, {context.may_open}")


async def fails(context: CheckContext) -> Finding:
    """One that meets a failure."""
    raise CookieExpiredError


def three(account_ids: Collection[int], now: datetime) -> dict[tuple[int, str], int]:
    """Another app's answer to what accounts are doing."""
    return {(account_id, "chat"): 3 for account_id in account_ids} | {(0, "image"): 1}


@pytest.mark.django_db(transaction=True)
def test_each_app_is_asked_for_its_capability(settings: Any) -> None:
    """A failure of one is its finding and stops no other; what nobody checks keeps its result."""
    settings.CAPABILITY_CHECKS = {"image": f"{__name__}.works", "video": f"{__name__}.fails"}
    account = make_account("anna")

    async def prove() -> None:
        async with httpx.AsyncClient() as client:
            await check_capabilities(CheckContext(account, client, "page", may_open=True))

    asyncio.run(prove())
    found = {row.capability: (row.check_state, row.check_note) for row in account.capabilities.all()}
    assert found == {
        "image": ("ok", "anna: page, True"),
        "video": ("failed", CookieExpiredError().message),
        "chat": ("", ""),
    }


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (UpstreamUnavailableError(), CheckState.UNKNOWN),
        (UnexpectedResponseError(), CheckState.UNKNOWN),
        (UpstreamRefusedError(), CheckState.FAILED),
        (CookieExpiredError(), CheckState.FAILED),
        (AccountThrottledError(code="throttled"), CheckState.FAILED),
        (NoAccountError(), CheckState.FAILED),
    ],
)
def test_a_failure_as_a_finding(error: ServiceError, state: CheckState) -> None:
    """An outage tells nothing; a refusal tells that it does not work from here."""
    finding = judge_failure(error)
    assert finding.state == state and error.message in finding.note


def test_loads_of_all_apps_are_added(settings: Any) -> None:
    """Leases that live are counted here, the rest by whoever gives accounts work."""
    settings.ACCOUNT_LOADS = [f"{__name__}.three"]
    now = timezone.now()
    anna, bert = make_account("anna"), make_account("bert")
    for _ in range(2):
        assert take_lease(Capability.CHAT, "chat x", now, only=anna.pk) is not None
    lost = take_lease(Capability.CHAT, "chat y", now - timedelta(hours=1), only=anna.pk)
    assert lost is not None
    assert read_loads([anna.pk, bert.pk], now) == {
        (anna.pk, "chat"): 5,
        (bert.pk, "chat"): 3,
        (0, "image"): 1,
    }
    assert read_loads([], now) == {(0, "image"): 1}
    set_capability(anna, Capability.CHAT, limit=1)
