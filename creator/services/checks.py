"""Checks of the capabilities image and video, which read Bing's pages and spend nothing."""

from __future__ import annotations

from django.conf import settings

from accounts.microsoft.protocol import parse_session
from accounts.microsoft.services import CheckContext, Finding
from accounts.models import CheckState
from bingproject.errors import CookieExpiredError
from creator.client import ImageCreatorClient
from creator.protocol import parse_boosts, parse_fast_videos


async def check_images(context: CheckContext) -> Finding:
    """Report the remaining boosts on the start page, which the caller has found signed in."""
    boosts = parse_boosts(context.page)
    if boosts is None:
        return Finding(CheckState.OK, "Signed in. The page does not say how many boosts are left.")
    if not boosts:
        return Finding(CheckState.OK, "Signed in. No boosts are left: only the slow lane works.")
    return Finding(CheckState.OK, f"Signed in, {boosts} boosts left.")


async def check_videos(context: CheckContext) -> Finding:
    """Check that the page of videos is signed in, and report the remaining fast videos.

    Raises:
        CookieExpiredError: The page is not signed in.
        ServiceError: As `parse_session` raises, NotSentError and OutcomeUnknownError included.
    """
    answer = await ImageCreatorClient(context.client, settings.BING_URL).fetch_video_page()
    if not parse_session(answer.status, answer.headers, answer.text).signed_in:
        raise CookieExpiredError
    # Being signed in is enough: a page may not show the number.
    left = parse_fast_videos(answer.text)
    if left is None:
        return Finding(CheckState.OK, "Signed in. The page does not say how many fast videos are left.")
    if not left:
        return Finding(CheckState.OK, "Signed in. No fast videos are left: only the slow lane works.")
    return Finding(CheckState.OK, f"Signed in, {left} fast videos left.")
