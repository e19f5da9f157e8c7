"""The creator's client against the sandbox: it returns every response unread."""

from __future__ import annotations

import asyncio

import pytest

from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool, UpstreamResponse
from creator.client import ImageCreatorClient, fetch_picture
from creator.protocol import JobReference, Order, VideoCard, parse_create_response

ORDER = Order("image", "a 🦊 & <b>bold</b> שלום", "DALLE", "SQUARE", "fast")


def test_a_prompt_arrives_byte_exact_and_the_id_comes_back(bing: SandboxServer) -> None:
    """submit, visit and poll each make one exchange with the account's cookie."""

    async def run() -> list[UpstreamResponse]:
        async with ConnectionPool() as pool:
            client = ImageCreatorClient(pool.client({"_U": "alice"}), bing.url)
            submitted = await client.submit(ORDER, "")
            accepted = parse_create_response(submitted.status, submitted.headers, submitted.text)
            assert isinstance(accepted, JobReference)
            visited = await client.visit(accepted.location)
            return [submitted, visited, await client.poll(ORDER, accepted.request_id, "")]

    assert [answer.status for answer in asyncio.run(run())] == [302, 200, 200]
    seen = describe(bing.state)
    assert seen["submits"]["by_prompt"] == {ORDER.prompt: 1}
    assert seen["submits"]["by_account"] == {"alice": 1}
    assert seen["violation_count"] == 0


@pytest.mark.parametrize("prompt", ["sandbox:http-500", "sandbox:http-429", "sandbox:block", "sandbox:signin"])
def test_every_status_is_returned(bing: SandboxServer, prompt: str) -> None:
    """The client does not judge: an error status is a response like any other."""

    async def run() -> UpstreamResponse:
        async with ConnectionPool() as pool:
            client = ImageCreatorClient(pool.client({"_U": "alice"}), bing.url)
            return await client.submit(Order("image", prompt, "DALLE", "SQUARE", "fast"), "")

    assert asyncio.run(run()).status in (200, 302, 429, 500)


def test_a_videos_detail_is_fetched_by_its_card(bing: SandboxServer) -> None:
    """The detail of an unknown job has a response, too."""

    async def run() -> UpstreamResponse:
        async with ConnectionPool() as pool:
            client = ImageCreatorClient(pool.client({"_U": "alice"}), bing.url)
            return await client.fetch_video_detail("4-" + "0" * 32, VideoCard("image", "skey", "Strict"))

    assert asyncio.run(run()).status >= 200


def test_a_picture_is_fetched_without_cookies(bing: SandboxServer) -> None:
    """The media client knows no account; an unknown picture is a 404, not an exception."""

    async def run() -> int:
        async with ConnectionPool() as pool, pool.media_client() as client:
            return (await fetch_picture(client, f"{bing.url}/th/id/OIG1.none?pid=ImgGn")).status

    assert asyncio.run(run()) == 404
    assert describe(bing.state)["violation_count"] == 0
