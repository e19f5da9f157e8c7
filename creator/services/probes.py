"""What can be seen of pictures and videos without making any: the pages on which they are asked for."""

from __future__ import annotations

from django.conf import settings

from accounts.client import fetch_session
from accounts.models import Account, Capability
from accounts.protocol import parse_session
from accounts.services import Look
from bingproject.errors import CookieExpiredError
from bingproject.transcripts import Transcript
from bingproject.upstream import Door
from creator.services.checks import check_images, check_videos


async def probe_pages(account: Account, capability: str, transcript: Transcript) -> None:
    """Read Bing's start page, and the one of videos for these; nothing is asked for, so nothing is spent.

    Raises: the ServiceError that a page means.
    """
    cookies = account.cookies | account.jar
    async with Door() as door, door.client(cookies, proxy=account.proxy, user_agent=account.user_agent) as client:
        page = await fetch_session(client, settings.BING_URL)
        transcript.note(f"Bing's start page: status {page.status}, {len(page.text)} characters.")
        session = parse_session(page.status, page.headers, page.text)
        if not session.signed_in:
            raise CookieExpiredError
        check = check_images if capability == Capability.IMAGE else check_videos
        finding = await check(Look(account, client, page.text, may_open=False))
        transcript.note(finding.note)
