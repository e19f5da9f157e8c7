"""Fetch pictures from Bing's media host, for callers who want bytes instead of URLs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import httpx

from accounts.models import Account
from bingproject.errors import DecryptionError, ServiceError, UpstreamUnavailableError
from bingproject.upstream.http_client import ConnectionPool
from creator.client import fetch_picture
from creator.models import Task

logger = logging.getLogger(__name__)

FETCH_TRIES = 2
AGAIN_SECONDS = 0.5


async def fetch_images(found: Sequence[tuple[Task, str]]) -> list[bytes | None]:
    """Fetch pictures without cookies, each through the egress of the account that made it.

    The operator chose that egress for the account, so there is no fallback to another one.

    Args:
        found: Pairs of a task and the URL of one of its pictures.

    Returns:
        The bytes of each picture, None for one that could not be fetched.

    Raises:
        UpstreamUnavailableError: No picture could be fetched.
    """
    accounts = await Account.objects.ain_bulk({task.account_id for task, _ in found if task.account_id is not None})
    async with ConnectionPool() as pool:
        contents = await asyncio.gather(*(_fetch_as(accounts.get(task.account_id), pool, url) for task, url in found))
    if found and not any(contents):
        raise UpstreamUnavailableError(
            "The picture was made, but Bing's file server did not send it. Try again, or request response_format url.",
            code="upstream_unreachable",
        )
    return list(contents)


async def _fetch_as(account: Account | None, pool: ConnectionPool, url: str) -> bytes | None:
    """Return the bytes; None also if the account's egress is unknown."""
    if account is None:
        logger.warning("a picture could not be fetched: the account that made it was removed")
        return None
    try:
        proxy = account.proxy
    except DecryptionError as error:
        # Never around the proxy: the way out is the operator's choice (decision 70).
        logger.warning("a picture of account %s could not be fetched: %s", account.name, error.message)
        return None
    async with pool.media_client(proxy=proxy) as client:
        return await _fetch(client, url)


async def _fetch(client: httpx.AsyncClient, url: str) -> bytes | None:
    for count in range(FETCH_TRIES):
        await asyncio.sleep(AGAIN_SECONDS * count)
        try:
            file = await fetch_picture(client, url)
        except ServiceError as error:
            logger.warning("a picture could not be fetched: %s", error.detail or error.code)
            continue
        if file.status == 200 and file.content and file.media_type.startswith("image/"):
            return file.content
        logger.warning("a picture could not be fetched: status %d, %s", file.status, file.media_type or "no type")
    return None
