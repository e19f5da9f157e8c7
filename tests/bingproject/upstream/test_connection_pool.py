"""The door that stands open: one for all while the server runs, else one for each."""

from __future__ import annotations

from bingproject.doors import nearest_door, standing_door


async def test_the_standing_door_is_everybodys() -> None:
    """It stays open for the next; when it is gone, everybody has their own."""
    async with standing_door():
        async with nearest_door() as first:
            client = first.client({"_U": "anna"})
        async with nearest_door() as second:
            assert second is first
        assert not client.is_closed
    async with nearest_door() as other:
        assert other is not first


async def test_without_one_each_has_their_own() -> None:
    """As in a worker's job."""
    async with nearest_door() as first, nearest_door() as second:
        assert first is not second
