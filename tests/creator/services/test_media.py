"""Pictures fetched from the real sandbox: without cookies, again after a fault, left out when they cannot be had."""

from __future__ import annotations

import httpx
import pytest

from bingproject.errors import UpstreamUnavailableError
from bingproject.sandbox.control import describe
from bingproject.sandbox.server import SandboxServer
from creator.services import fetch_images
from tests.creator.engine import all_finished, run_until
from tests.factories import make_account, make_history, make_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def urls(bing: SandboxServer) -> list[str]:
    """Addresses of four pictures that were made."""
    make_account()
    make_history()
    task = make_task()
    run_until(all_finished)
    return [result.url for result in task.results.all()]


def break_media(bing: SandboxServer, scenario: str, count: int) -> None:
    """The next so many downloads go wrong in this way."""
    rule = {"scenario": scenario, "next": count}
    httpx.post(f"{bing.url}/_sandbox/scenario", json=rule).raise_for_status()


async def test_pictures_come_in_order_and_without_a_cookie(urls: list[str], bing: SandboxServer) -> None:
    """Each is a JPEG of its own; the sandbox would have noted a cookie on a download."""
    contents = await fetch_images(urls)
    assert len(set(contents)) == 4
    assert all(content and content.startswith(b"\xff\xd8") for content in contents)
    assert [len(await fetch_images([url])) for url in urls] == [1, 1, 1, 1]
    assert contents[2] == (await fetch_images(urls[2:3]))[0]
    assert describe(bing.state)["violation_count"] == 0


@pytest.mark.parametrize("scenario", ["media-http-503", "media-cut", "media-cut-body", "media-http-403"])
async def test_one_fault_is_made_good(urls: list[str], bing: SandboxServer, scenario: str) -> None:
    """A second try brings the picture."""
    break_media(bing, scenario, 1)
    (content,) = await fetch_images(urls[:1])
    assert content and content.startswith(b"\xff\xd8")


async def test_a_picture_that_cannot_be_had_is_none_beside_one_that_can(urls: list[str]) -> None:
    """An address whose file is gone."""
    missing = urls[0].replace("/th/id/", "/th/id/gone-")
    first, second = await fetch_images([missing, urls[0]])
    assert first is None
    assert second is not None


async def test_no_picture_at_all_is_an_error_that_says_so(urls: list[str], bing: SandboxServer) -> None:
    """502, and the message tells of another way; a page instead of a picture is none."""
    break_media(bing, "media-http-404", 100)
    with pytest.raises(UpstreamUnavailableError) as caught:
        await fetch_images(urls)
    assert caught.value.code == "upstream_unreachable"
    assert "response_format url" in caught.value.message
    assert urls[0] not in caught.value.message


async def test_nothing_to_fetch_is_no_error() -> None:
    """An empty answer stays one."""
    assert await fetch_images([]) == []
