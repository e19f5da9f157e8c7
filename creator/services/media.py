"""The pictures themselves, fetched from Bing's media host for callers who want bytes instead of addresses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import httpx

from bingproject.errors import ServiceError, UpstreamUnavailableError
from bingproject.upstream import Door
from creator.client import fetch_picture

logger = logging.getLogger(__name__)

FETCH_TRIES = 2
AGAIN_SECONDS = 0.5


async def fetch_images(urls: Sequence[str]) -> list[bytes | None]:
    """Each picture's bytes, None for one that could not be had; no cookie travels with the question.

    Raises: UpstreamUnavailableError when none could be had.
    """
    async with Door() as door, door.media_client() as client:
        contents = await asyncio.gather(*(_fetch(client, url) for url in urls))
    if urls and not any(contents):
        raise UpstreamUnavailableError(
            "The picture was made, but Bing's file server did not hand it out. Ask again, or with response_format url.",
            code="upstream_unreachable",
        )
    return list(contents)


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
