"""One shared connection pool while the server runs, otherwise one per use."""

from __future__ import annotations

from bingproject.upstream.connection_pool import current_pool, shared_pool


async def test_the_shared_pool_is_used_by_everyone() -> None:
    """It stays open for the next; when it is gone, everybody has their own."""
    async with shared_pool():
        async with current_pool() as first:
            client = first.client({"_U": "anna"})
        async with current_pool() as second:
            assert second is first
        assert not client.is_closed
    async with current_pool() as other:
        assert other is not first


async def test_without_one_each_has_their_own() -> None:
    """As in a worker's job."""
    async with current_pool() as first, current_pool() as second:
        assert first is not second
