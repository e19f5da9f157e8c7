"""Fetch the page that proves that an account is signed in; the protocol modules interpret it."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import httpx

from accounts.microsoft.protocol import SESSION_PATH
from bingproject.upstream.http_client import UpstreamResponse, exchange

REDIRECT_LIMIT = 4


async def fetch_session(client: httpx.AsyncClient, base_url: str) -> UpstreamResponse:
    """Fetch the start page of Bing's image creator with the client's cookies; it shows whether they are signed in.

    At most REDIRECT_LIMIT redirects are followed, and only to the same scheme, host and port. A redirect elsewhere is
    returned as it is, because it usually leads to the sign-in. Every other status is returned too.

    Args:
        client: Has the account's cookies, proxy and User-Agent.
        base_url: The origin, without a slash at its end.

    Raises:
        NotSentError: No connection could be made.
        OutcomeUnknownError: The request was sent, and no complete answer came.
        UnexpectedResponseError: The body is larger than `upstream.http_client.BODY_LIMIT_BYTES`.
    """
    url = base_url + SESSION_PATH
    for _ in range(REDIRECT_LIMIT):
        answer = await exchange(client, "GET", url)
        target = _same_origin(url, answer)
        if not target:
            return answer
        url = target
    return await exchange(client, "GET", url)


def _same_origin(url: str, answer: UpstreamResponse) -> str:
    """Return the target of a redirect that stays on the host, else ""."""
    location = answer.headers.get("location", "")
    if not 300 <= answer.status < 400 or not location:
        return ""
    try:
        target = urljoin(url, location)
        here, there = urlsplit(url), urlsplit(target)
    except ValueError:
        return ""
    return target if (here.scheme, here.netloc) == (there.scheme, there.netloc) else ""
