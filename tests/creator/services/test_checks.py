"""Checks of pictures and videos against the sandbox: pages are read, nothing is made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from django.conf import settings

from accounts.microsoft.services import CheckContext, Finding
from accounts.models import Account, CheckState
from bingproject.errors import CookieExpiredError, UpstreamUnavailableError
from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool
from creator.services import check_images, check_videos

SIGNED_IN = '<a id="id_a" style="display:none"></a>'
Check = Callable[[CheckContext], Awaitable[Finding]]


def run_check(check: Check, page: str = SIGNED_IN, cookie: str = "anna") -> Finding:
    """Run one check as an account with this cookie."""

    async def run() -> Finding:
        async with ConnectionPool() as pool, pool.client({"_U": cookie}) as client:
            return await check(CheckContext(Account(name=cookie), client, page, may_open=False))

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("page", "note"),
    [
        (SIGNED_IN, "Signed in. The page does not say how many boosts are left."),
        (
            SIGNED_IN + '<i aria-label="0 coins available"></i>',
            "Signed in. No boosts are left: only the slow lane works.",
        ),
        (SIGNED_IN + '<i id="reward_c" data-tb="3"></i>', "Signed in, 12 boosts left."),
    ],
)
def test_pictures(page: str, note: str) -> None:
    """The start page that was already read is enough; without boosts the slow lane still works."""
    assert run_check(check_images, page) == Finding(CheckState.OK, note)


def test_videos(bing: SandboxServer) -> None:
    """The page of videos shows the remaining fast ones; with none the slow lane still works."""
    bing.state.account("anna").fast_videos = 7
    assert run_check(check_videos) == Finding(CheckState.OK, "Signed in, 7 fast videos left.")
    bing.state.account("anna").fast_videos = 0
    assert run_check(check_videos).note == "Signed in. No fast videos are left: only the slow lane works."
    seen = describe(bing.state)
    assert seen["submits"]["total"] == 0 and seen["violation_count"] == 0


def test_videos_of_a_page_without_numbers(bing: SandboxServer) -> None:
    """Being signed in is enough."""
    httpx.post(f"{settings.BING_URL}/_sandbox/scenario", json={"scenario": "home-drift"}).raise_for_status()
    assert run_check(check_videos).note == "Signed in. The page does not say how many fast videos are left."


def test_videos_without_a_session(bing: SandboxServer) -> None:
    """A page that is not signed in is an expired cookie; an outage is another error."""
    with pytest.raises(CookieExpiredError):
        run_check(check_videos, cookie="expired-anna")
    httpx.post(f"{settings.BING_URL}/_sandbox/scenario", json={"scenario": "home-outage"}).raise_for_status()
    with pytest.raises(UpstreamUnavailableError):
        run_check(check_videos)
