"""Probes of pictures and videos: the pages, and one that is really made, once, within the account's limit."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import Account, AccountCapability, AccountState, Capability, Lease
from bingproject.errors import (
    AccountThrottledError,
    CookieExpiredError,
    NoAccountError,
    PromptRejectedError,
    ServiceError,
    SubmitOutcomeUnknownError,
    UnexpectedResponseError,
    UpstreamTimeoutError,
)
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import NotSentError
from bingproject.upstream.recording import Transcript
from creator.models import State, Task
from creator.services.claims import account_loads
from creator.services.probes import probe_generation, probe_pages
from tests.factories import make_account, make_task, set_capability

pytestmark = pytest.mark.django_db(transaction=True)


def probe(account: Account, capability: str) -> str:
    """Return the transcript of reading the pages."""
    transcript = Transcript(str)
    asyncio.run(probe_pages(account, capability, transcript))
    return transcript.text


def make(account: Account, capability: str = Capability.IMAGE, seconds: float = 30) -> str:
    """Return the transcript of making one."""
    transcript = Transcript(str)
    asyncio.run(probe_generation(account, capability, transcript, seconds))
    return transcript.text


def fail(account: Account, error: type[ServiceError], seconds: float = 30, capability: str = Capability.IMAGE) -> str:
    """Return the transcript of a picture or video that failed with this."""
    transcript = Transcript(str)
    with pytest.raises(error):
        asyncio.run(probe_generation(account, capability, transcript, seconds))
    return transcript.text


def rule(sandbox: SandboxServer, scenario: str, **more: Any) -> None:
    """Set a scenario of the sandbox."""
    httpx.post(f"{sandbox.url}/_sandbox/scenario", json={"scenario": scenario, **more}).raise_for_status()


def seen(sandbox: SandboxServer) -> dict[str, Any]:
    """Return the sandbox's counts."""
    state: dict[str, Any] = httpx.get(f"{sandbox.url}/_sandbox/state").json()
    return state


@pytest.mark.parametrize("capability", [Capability.IMAGE, Capability.VIDEO])
def test_pages_are_read_and_nothing_is_made(sandbox: SandboxServer, capability: str) -> None:
    """The transcript has their statuses and the remaining boosts."""
    text = probe(make_account("anna"), capability)
    assert "Bing's start page: status 200" in text and "It names IG and Salt." in text and "Signed in" in text
    assert seen(sandbox)["submits"]["total"] == 0


def test_signed_out(sandbox: SandboxServer) -> None:
    """Bing does not know the cookie: the account is marked, and nothing is requested."""
    account = make_account("anna", cookie="expired")
    with pytest.raises(CookieExpiredError):
        probe(account, Capability.IMAGE)
    account.refresh_from_db()
    assert account.state == AccountState.EXPIRED
    fail(make_account("bert", cookie="expired"), CookieExpiredError)
    assert seen(sandbox)["submits"]["total"] == 0


def test_a_picture_is_made_once_and_spends_no_boost(sandbox: SandboxServer) -> None:
    """The transcript has each exchange from the submit to the URLs; no task is created."""
    account = make_account("anna")
    text = make(account)
    state = seen(sandbox)
    assert state["submits"]["total"] == state["submits"]["accepted"] == 1
    assert (state["accepted"][0]["lane"], state["accounts"]["anna"]["boosts"]) == ("standard", 15)
    assert "> POST /images/create?q=[hidden]" in text and "&rt=3&" in text and "aspectRatio=1%3A1" in text
    assert f"Bing accepted it under the id {state['accepted'][0]['id']}, with a redirect to /images/create?" in text
    assert "< status 302, to /images/create?" in text and "> GET /images/create/async/results/" in text
    assert text.count(f"{sandbox.url}/th/id/OIG") == 4
    assert "fetched without cookies: status 200, image/jpeg" in text
    assert state["violation_count"] == 0
    assert not Lease.objects.exists() and not Task.objects.exists()
    assert AccountCapability.objects.get(account=account, capability="image").last_success_at is not None


def test_a_video_is_followed_to_its_address(sandbox: SandboxServer) -> None:
    """On the lane that costs nothing."""
    text = make(make_account("anna"), Capability.VIDEO)
    assert "Requesting one video, once: lane standard: " in text
    assert "ctype=video" in text and "?pid=videocreator" in text
    assert seen(sandbox)["submits"]["total"] == 1 and not Lease.objects.exists()


def test_an_accepted_video_is_proved(sandbox: SandboxServer) -> None:
    """Even if it does not arrive in time; the slot stays taken, since Bing continues."""
    rule(sandbox, "never-ready")
    account = make_account("anna")
    text = make(account, Capability.VIDEO, seconds=2.1)
    assert "No video yet, " in text and "This proves that Bing accepts requests" in text and "= not ready" in text
    assert (Lease.objects.get().until - timezone.now()).total_seconds() > 3600
    assert account_loads("video", timezone.now()) == {account.pk: 1}


def test_a_picture_that_does_not_come_in_time_is_a_failure(sandbox: SandboxServer) -> None:
    """Its slot stays taken, since Bing may continue."""
    rule(sandbox, "never-ready")
    account = make_account("anna")
    fail(account, UpstreamTimeoutError, seconds=2.1)
    assert account_loads("image", timezone.now()) == {account.pk: 1}


@pytest.mark.parametrize("scenario", ["block", "poll-block"])
def test_a_refused_prompt(sandbox: SandboxServer, scenario: str) -> None:
    """At the submit or later: the account is unchanged and its slot free."""
    rule(sandbox, scenario)
    account = make_account("anna")
    text = fail(account, PromptRejectedError)
    assert "< status 200, " in text
    assert seen(sandbox)["submits"]["total"] == 1 and not Lease.objects.exists()
    account.refresh_from_db()
    assert account.state == AccountState.OK


def test_a_cookie_that_expires_with_the_submit(sandbox: SandboxServer) -> None:
    """The account is marked, as after any task."""
    rule(sandbox, "home-expired")
    account = make_account("anna")
    fail(account, CookieExpiredError)
    account.refresh_from_db()
    assert account.state == AccountState.EXPIRED
    assert seen(sandbox)["submits"]["total"] == 1 and not Lease.objects.exists()


def test_a_redirect_to_a_sign_in_is_recorded_without_its_query(sandbox: SandboxServer) -> None:
    """The target's path is enough."""
    rule(sandbox, "signin")
    head = fail(make_account("anna"), CookieExpiredError).partition("< status 302, to ")[2]
    assert head.partition(",")[0].startswith("https://login.live.com/") and "?…, 0 characters" in head
    assert "client_id" not in head


def test_too_many_at_once_is_a_cooldown(sandbox: SandboxServer) -> None:
    """As after any task; the probe does not send the request again."""
    rule(sandbox, "busy")
    account = make_account("anna")
    fail(account, AccountThrottledError)
    assert seen(sandbox)["submits"]["total"] == 1
    assert AccountCapability.objects.get(account=account, capability="image").cooldown_until is not None


@pytest.mark.parametrize(("scenario", "taken"), [("cut-accepted", 1), ("cut", 0)])
def test_a_request_of_unknown_outcome_is_never_sent_again(sandbox: SandboxServer, scenario: str, taken: int) -> None:
    """No answer came: one submit, no poll, and the slot stays taken for a while."""
    rule(sandbox, scenario)
    account = make_account("anna")
    text = fail(account, SubmitOutcomeUnknownError)
    state = seen(sandbox)
    assert (state["submits"]["total"], state["submits"]["accepted"], state["polls"]["total"]) == (1, taken, 0)
    assert "> POST /images/create" in text and "< status" not in text.partition("> POST")[2]
    assert 60 < (Lease.objects.get().until - timezone.now()).total_seconds() <= 120


def test_an_unreadable_page(sandbox: SandboxServer) -> None:
    """Its beginning is in the transcript; it is unknown whether Bing accepted the request, so the slot stays taken."""
    rule(sandbox, "unknown")
    assert "<" in fail(make_account("anna"), UnexpectedResponseError).partition(" characters\n")[2]
    assert Lease.objects.count() == 1


def test_failed_polls_are_recorded(sandbox: SandboxServer, settings: Any) -> None:
    """They are counted, until there are too many; Bing may continue."""
    settings.POLL_TRIES, settings.POLL_BACKOFF_SECONDS = 3, 0.1
    rule(sandbox, "poll-http-404")
    text = fail(make_account("anna"), UnexpectedResponseError)
    assert text.count("poll answered with status 404") == 2 and "< status 404" in text
    assert Lease.objects.count() == 1


@pytest.mark.slow
def test_content_of_no_known_form_is_listed_in_a_table(sandbox: SandboxServer) -> None:
    """After three equal polls the probe fails; the table has the outline and its count."""
    rule(sandbox, "video-a-unknown")
    text = fail(make_account("anna"), UnexpectedResponseError, capability=Capability.VIDEO)
    assert "Drift, to be reported with this file" in text
    assert "| 3 | showContent: HTML section.studio-card[data-state] span of 2 elements |" in text


def test_an_account_at_its_limit_is_not_used(sandbox: SandboxServer) -> None:
    """Nothing is requested, and the account is not marked."""
    account = make_account("anna")
    set_capability(account, "image", limit=1)
    make_task(account=account, state=State.POLLING)
    assert "Bing's start page" in fail(account, NoAccountError)
    assert seen(sandbox)["submits"]["total"] == 0 and not Lease.objects.exists()


def test_a_proxy_that_does_not_answer(sandbox: SandboxServer) -> None:
    """Nothing was sent, and the proxy's password is nowhere."""
    account = make_account("anna")
    account.proxy = "http://name:planted-password@127.0.0.1:9"
    account.save()
    assert "planted-password" not in fail(account, NotSentError)
    assert not Lease.objects.exists()
