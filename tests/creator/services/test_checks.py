"""What proves an account for pictures and videos, against the sandbox: pages are read, nothing is made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from django.conf import settings

from accounts.models import Account, CheckState
from accounts.services import Finding, Look
from bingproject.errors import CookieExpiredError, UpstreamUnavailableError
from bingproject.sandbox.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream import Door
from creator.services import check_images, check_videos

SIGNED_IN = '<a id="id_a" style="display:none"></a>'
Check = Callable[[Look], Awaitable[Finding]]


def look(check: Check, page: str = SIGNED_IN, cookie: str = "anna") -> Finding:
    """Ask one check as an account with this cookie."""

    async def run() -> Finding:
        async with Door() as door, door.client({"_U": cookie}) as client:
            return await check(Look(Account(name=cookie), client, page, may_open=False))

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
    """The start page that was read already is enough; without boosts the slow lane still works."""
    assert look(check_images, page) == Finding(CheckState.OK, note)


def test_videos(bing: SandboxServer) -> None:
    """The page of videos says how many fast ones are left; with none the slow lane still works."""
    bing.state.account("anna").fast_videos = 7
    assert look(check_videos) == Finding(CheckState.OK, "Signed in, 7 fast videos left.")
    bing.state.account("anna").fast_videos = 0
    assert look(check_videos).note == "Signed in. No fast videos are left: only the slow lane works."
    seen = describe(bing.state)
    assert seen["submits"]["total"] == 0 and seen["violation_count"] == 0


def test_videos_of_a_page_without_numbers(bing: SandboxServer) -> None:
    """Signed in is what counts."""
    httpx.post(f"{settings.BING_URL}/_sandbox/scenario", json={"scenario": "home-drift"}).raise_for_status()
    assert look(check_videos).note == "Signed in. The page does not say how many fast videos are left."


def test_videos_of_somebody_not_signed_in(bing: SandboxServer) -> None:
    """The failure says what it means; an outage is another one."""
    with pytest.raises(CookieExpiredError):
        look(check_videos, cookie="expired-anna")
    httpx.post(f"{settings.BING_URL}/_sandbox/scenario", json={"scenario": "home-outage"}).raise_for_status()
    with pytest.raises(UpstreamUnavailableError):
        look(check_videos)
