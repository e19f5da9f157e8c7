"""The pictures themselves, fetched from Bing's media host for callers who want bytes instead of addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import httpx

from accounts.models import Account
from bingproject.errors import ServiceError, UnopenedError, UpstreamUnavailableError
from bingproject.upstream import Door
from creator.client import fetch_picture
from creator.models import Task

logger = logging.getLogger(__name__)

FETCH_TRIES = 2
AGAIN_SECONDS = 0.5


async def fetch_images(found: Sequence[tuple[Task, str]]) -> list[bytes | None]:
    """Each picture's bytes, None for one that could not be had; no cookie travels with the question.

    Each goes the way of the account that made it: its owner chose the way out, and a picture is worth no other.
    Shape: `found` pairs tasks and addresses.
    Raises: UpstreamUnavailableError when none could be had.
    """
    accounts = await Account.objects.ain_bulk({task.account_id for task, _ in found if task.account_id is not None})
    async with Door() as door:
        contents = await asyncio.gather(*(_fetch_as(accounts.get(task.account_id), door, url) for task, url in found))
    if found and not any(contents):
        raise UpstreamUnavailableError(
            "The picture was made, but Bing's file server did not hand it out. Ask again, or with response_format url.",
            code="upstream_unreachable",
        )
    return list(contents)


async def _fetch_as(account: Account | None, door: Door, url: str) -> bytes | None:
    """None also when nobody knows its way any more."""
    if account is None:
        logger.warning("a picture could not be fetched: the account that made it was removed")
        return None
    try:
        proxy = account.proxy
    except UnopenedError as error:
        logger.warning("a picture of account %s could not be fetched: %s", account.name, error.message)
        return None
    async with door.media_client(proxy=proxy) as client:
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
