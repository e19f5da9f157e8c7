"""What proves, without a generation, that an account can be asked for pictures and videos: Bing's own pages."""

from __future__ import annotations

from django.conf import settings

from accounts.models import CheckState
from accounts.protocol import parse_session
from accounts.services import Finding, Look
from bingproject.errors import CookieExpiredError
from creator.client import ImageCreatorClient
from creator.protocol import parse_boosts, parse_fast_videos


async def check_images(look: Look) -> Finding:
    """Signed in on the start page, on which pictures are asked for; and the boosts left, where it says so."""
    boosts = parse_boosts(look.page)
    if boosts is None:
        return Finding(CheckState.OK, "Signed in. The page does not say how many boosts are left.")
    if not boosts:
        return Finding(CheckState.OK, "Signed in. No boosts are left: only the slow lane works.")
    return Finding(CheckState.OK, f"Signed in, {boosts} boosts left.")


async def check_videos(look: Look) -> Finding:
    """Signed in on the page of videos; and the fast ones left, where it says so.

    Raises: what `parse_session` raises, NotSentError, OutcomeUnknownError.
    """
    answer = await ImageCreatorClient(look.client, settings.BING_URL).fetch_video_page()
    if not parse_session(answer.status, answer.headers, answer.text).signed_in:
        raise CookieExpiredError
    left = parse_fast_videos(answer.text)
    if left is None:
        return Finding(CheckState.OK, "Signed in. The page does not say how many fast videos are left.")
    if not left:
        return Finding(CheckState.OK, "Signed in. No fast videos are left: only the slow lane works.")
    return Finding(CheckState.OK, f"Signed in, {left} fast videos left.")
