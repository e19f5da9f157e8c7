"""One connection pool per event loop, kept open while the server runs so that calls to Bing reuse connections.

New transports and connections were a fifth of the cost of a new chat, measured without TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from bingproject.upstream.http_client import ConnectionPool

_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, ConnectionPool] = WeakKeyDictionary()


@asynccontextmanager
async def shared_pool() -> AsyncIterator[None]:
    """Keep this event loop's shared pool open while the context lasts."""
    loop = asyncio.get_running_loop()
    async with ConnectionPool() as pool:
        _shared[loop] = pool
        try:
            yield
        finally:
            del _shared[loop]


@asynccontextmanager
async def current_pool() -> AsyncIterator[ConnectionPool]:
    """Yield this event loop's shared pool and leave it open; without one, yield a pool that is closed afterwards."""
    shared = _shared.get(asyncio.get_running_loop())
    if shared is not None:
        yield shared
        return
    async with ConnectionPool() as own:
        yield own
