"""One request that proves an account alive: moves bytes, judges nothing."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import httpx

from accounts.protocol import SESSION_PATH
from bingproject.upstream import Answer, exchange

REDIRECT_LIMIT = 4


async def fetch_session(client: httpx.AsyncClient, base_url: str) -> Answer:
    """The creator's start page as the client's account sees it.

    Shape: redirects are followed on the same host only; one that leaves it is the answer, since it may be a sign-in.
    Raises: NotSentError, OutcomeUnknownError, UnexpectedResponseError.
    """
    url = base_url + SESSION_PATH
    for _ in range(REDIRECT_LIMIT):
        answer = await exchange(client, "GET", url)
        target = _same_origin(url, answer)
        if not target:
            return answer
        url = target
    return await exchange(client, "GET", url)


def _same_origin(url: str, answer: Answer) -> str:
    """Where a redirect leads when it stays on the host, else ""."""
    location = answer.headers.get("location", "")
    if not 300 <= answer.status < 400 or not location:
        return ""
    try:
        target = urljoin(url, location)
        here, there = urlsplit(url), urlsplit(target)
    except ValueError:
        return ""
    return target if (here.scheme, here.netloc) == (there.scheme, there.netloc) else ""
