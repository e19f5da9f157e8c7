"""Log an error while the process has no file descriptor left: uvloop drops new connections without a word then."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import AsyncIterator

LOOK_SECONDS = 5.0
AGAIN_SECONDS = 60.0

logger = logging.getLogger(__name__)


def has_descriptor() -> bool:
    """True if a new connection could be accepted now."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        return False
    return True


async def watch() -> None:
    """Check for a free descriptor every few seconds; log an error once a minute while there is none."""
    while True:
        if has_descriptor():
            await asyncio.sleep(LOOK_SECONDS)
            continue
        logger.error(
            "no file descriptor is left: new connections are dropped. "
            "Raise the limit of open files (ulimit -n), or find out who holds so many connections."
        )
        await asyncio.sleep(AGAIN_SECONDS)


@contextlib.asynccontextmanager
async def watched_descriptors() -> AsyncIterator[None]:
    """Watch while the context lasts."""
    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
