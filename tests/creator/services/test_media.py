"""Pictures fetched from the sandbox: without cookies, retried after a fault, omitted if they are missing."""

from __future__ import annotations

import httpx
import pytest
from asgiref.sync import sync_to_async

from accounts.models import Account
from bingproject.errors import UpstreamUnavailableError
from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from creator.models import Task
from creator.services import fetch_images
from tests.creator.engine.running import all_finished, reload, run_until
from tests.factories import make_account, make_history, make_task, make_undecryptable
from tests.loopback import forwarding

pytestmark = pytest.mark.django_db(transaction=True)


Found = list[tuple[Task, str]]


@pytest.fixture
def found(bing: SandboxServer) -> Found:
    """Return four finished pictures: their task with their URLs."""
    make_account()
    make_history()
    task = make_task()
    run_until(all_finished)
    task = reload(task)
    return [(task, result.url) for result in task.results.all()]


def break_media(bing: SandboxServer, scenario: str, count: int) -> None:
    """Let the next `count` downloads fail in this way."""
    rule = {"scenario": scenario, "next": count}
    httpx.post(f"{bing.url}/_sandbox/scenario", json=rule).raise_for_status()


async def test_pictures_come_in_order_and_without_a_cookie(found: Found, bing: SandboxServer) -> None:
    """Each is a different JPEG; the sandbox would report a cookie on a download."""
    contents = await fetch_images(found)
    assert len(set(contents)) == 4
    assert all(content and content.startswith(b"\xff\xd8") for content in contents)
    assert [len(await fetch_images([one])) for one in found] == [1, 1, 1, 1]
    assert contents[2] == (await fetch_images(found[2:3]))[0]
    assert describe(bing.state)["violation_count"] == 0


@pytest.mark.parametrize("scenario", ["media-http-503", "media-cut", "media-cut-body", "media-http-403"])
async def test_a_failed_download_is_retried(found: Found, bing: SandboxServer, scenario: str) -> None:
    """The second try returns the picture."""
    break_media(bing, scenario, 1)
    (content,) = await fetch_images(found[:1])
    assert content and content.startswith(b"\xff\xd8")


async def test_a_missing_picture_is_none_beside_the_others(found: Found) -> None:
    """The file of one URL is gone."""
    task, url = found[0]
    first, second = await fetch_images([(task, url.replace("/th/id/", "/th/id/gone-")), found[0]])
    assert first is None
    assert second is not None


async def test_no_picture_at_all_is_an_error(found: Found, bing: SandboxServer) -> None:
    """502, whose message names another way; a page in place of a picture counts as none."""
    break_media(bing, "media-http-404", 100)
    with pytest.raises(UpstreamUnavailableError) as caught:
        await fetch_images(found)
    assert caught.value.code == "upstream_unreachable"
    assert "response_format url" in caught.value.message
    assert found[0][1] not in caught.value.message


async def test_nothing_to_fetch_is_no_error() -> None:
    """An empty list returns an empty list."""
    assert await fetch_images([]) == []


async def test_a_picture_is_fetched_through_its_accounts_proxy(found: Found) -> None:
    """Never around it: not at all if the proxy cannot be decrypted or the account is gone."""
    account = await Account.objects.aget()
    async with forwarding("anna") as (proxy, taken):
        account.proxy = proxy
        await account.asave(update_fields=["encrypted_proxy"])
        assert all(await fetch_images(found))
        assert len(taken) == len(found) and all(line.startswith("GET http") for line in taken)
        await sync_to_async(make_undecryptable)(account, "encrypted_proxy")
        with pytest.raises(UpstreamUnavailableError):
            await fetch_images(found)
        await Account.objects.all().adelete()
        gone = [(await Task.objects.aget(pk=task.pk), url) for task, url in found]
        with pytest.raises(UpstreamUnavailableError):
            await fetch_images(gone)
        assert len(taken) == len(found)
