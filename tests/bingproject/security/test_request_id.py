"""The id of the request being served."""

from __future__ import annotations

import asyncio

from bingproject.security import request_id


async def test_each_request_has_its_own_id() -> None:
    """Requests served side by side do not see each other's; outside of any there is none."""

    async def serve(name: str) -> str:
        request_id.current.set(name)
        await asyncio.sleep(0)
        return request_id.current.get()

    assert tuple(await asyncio.gather(serve("a"), serve("b"))) == ("a", "b")
    assert request_id.current.get() == ""
