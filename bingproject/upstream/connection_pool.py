"""The door that stands open while the server runs, so that calls to Bing find a connection that is open already.

Opening transport, connection and TLS anew was a fifth of what a new chat cost without any TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from bingproject.upstream import Door

_standing: WeakKeyDictionary[asyncio.AbstractEventLoop, Door] = WeakKeyDictionary()


@asynccontextmanager
async def standing_door() -> AsyncIterator[None]:
    """Keep one door of this event loop open for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    async with Door() as door:
        _standing[loop] = door
        try:
            yield
        finally:
            del _standing[loop]


@asynccontextmanager
async def nearest_door() -> AsyncIterator[Door]:
    """The door that stands open here, and stays so; where none does, one that is closed afterwards."""
    standing = _standing.get(asyncio.get_running_loop())
    if standing is not None:
        yield standing
        return
    async with Door() as own:
        yield own
