"""Upstream conversations: opened as an account, with its cookies, over its way out; pictures handed over."""

from __future__ import annotations

import asyncio
import base64

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account
from bingproject.errors import InvalidRequestError
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import NotSentError, OutcomeUnknownError
from chat.protocol.events import Prompt, PromptImage
from chat.services.backends import BACK_ENDS
from tests.chat.turns import play, seen
from tests.factories import make_account

pytestmark = pytest.mark.django_db(transaction=True)

BING = BACK_ENDS["bing"]
CREDENTIALS = {"conversation_id": "51D|BingProd|A", "client_id": "914", "signature": "sig", "token": "S+/a="}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def picture(content: bytes = PNG) -> Prompt:
    """A question about a picture."""
    return Prompt("", (), "what is it?", (PromptImage("", content, "image/png"),))


def test_a_session_is_opened_as_the_account(hub: SandboxServer) -> None:
    """With its cookies; ids and token come back."""
    account = make_account("alice")
    credentials = asyncio.run(BING.open_session(account))
    assert seen(hub)["creates_by_account"] == {"alice": 1}
    assert credentials["conversation_id"] in hub.state.chats["chat"].conversations


def test_cookies_that_bing_sets_are_kept_and_sent_again(hub: SandboxServer) -> None:
    """Encrypted with the account's others, those set meanwhile too; the image session is left as it is in the row."""
    held = make_account("alice")
    play(hub, "create-new-cookie")
    asyncio.run(BING.open_session(held))
    account = Account.objects.get()
    assert (account.session_at, account.jar["SANDBOX_CHANGING"]) == (None, "1")
    account.save_session("ABC", {"OLD": "1"}, timezone.now())
    asyncio.run(BING.open_session(held))
    account.refresh_from_db()
    assert account.session_ig == "ABC"
    assert (account.jar["OLD"], account.jar["SANDBOX_CHANGING"]) == ("1", "2")
    headers = asyncio.run(BING.address(held, CREDENTIALS)).headers
    assert set(account.jar) | {"_U"} == {pair.partition("=")[0] for pair in headers["Cookie"].split("; ")}


def test_cookies_travel_to_their_own_domain_only(settings: Settings) -> None:
    """A socket elsewhere gets none of them."""
    account = make_account("alice")
    settings.BING_URL, settings.SYDNEY_URL = "https://www.bing.com", "wss://sydney.bing.com/sydney/ChatHub"
    assert "_U=alice" in asyncio.run(BING.address(account, CREDENTIALS)).headers["Cookie"]
    settings.SYDNEY_URL = "wss://sydney.example.org/sydney/ChatHub"
    assert "Cookie" not in asyncio.run(BING.address(account, CREDENTIALS)).headers


def test_the_socket_is_opened_the_way_the_account_goes() -> None:
    """Its proxy and its browser's name, the token in the address, and what a browser says of itself."""
    account = make_account("alice", user_agent="Mine/1.0")
    account.proxy = "http://127.0.0.1:3128"
    address = asyncio.run(BING.address(account, CREDENTIALS))
    assert (address.proxy, address.user_agent) == ("http://127.0.0.1:3128", "Mine/1.0")
    assert address.url.endswith("?sec_access_token=S%2B%2Fa%3D")
    assert {"Origin", "Accept-Language"} <= set(address.headers)


def test_no_exchange_lasts_longer_than_any_may(settings: Settings) -> None:
    """Opening and greeting keep to the limit of an HTTP exchange; the turn's own timers are settings of theirs."""
    settings.UPSTREAM_TIMEOUT_SECONDS, settings.CHAT_GAP_SECONDS = 3.0, 60.0
    timers = BING.timers()
    assert (timers.opening, timers.handshake, timers.answering) == (3.0, 3.0, 60.0)
    settings.UPSTREAM_TIMEOUT_SECONDS = 30.0
    assert (BING.timers().opening, BING.timers().handshake) == (10.0, 10.0)


def test_a_create_that_never_ends_is_given_up(hub: SandboxServer, settings: Settings) -> None:
    """Nobody knows whether it was seen; a Bing that is not there has certainly not seen it."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 0.3
    account = make_account()
    play(hub, "create-stall")
    with pytest.raises(OutcomeUnknownError):
        asyncio.run(BING.open_session(account))
    settings.BING_URL = "http://127.0.0.1:1"
    with pytest.raises(NotSentError):
        asyncio.run(BING.open_session(account))


def test_a_picture_is_handed_over_byte_for_byte(hub: SandboxServer) -> None:
    """As this account, for this conversation; a prompt without one costs nothing."""
    account = make_account("alice")
    credentials = asyncio.run(BING.open_session(account))
    assert asyncio.run(BING.upload(account, Prompt("", (), "x"), credentials)) == ()
    (uploaded,) = asyncio.run(BING.upload(account, picture(), credentials))
    assert uploaded.image_url.startswith(hub.url)
    upload = next(iter(hub.state.chats["chat"].uploads.values()))
    assert hub.state.chats["chat"].uploads_asked == 1
    assert (upload.content, upload.account, upload.conversation) == (PNG, "alice", credentials["conversation_id"])


def test_a_picture_that_bing_does_not_take_is_the_callers_fault(hub: SandboxServer) -> None:
    """image_rejected."""
    account = make_account("alice")
    credentials = asyncio.run(BING.open_session(account))
    play(hub, "kblob-refused")
    with pytest.raises(InvalidRequestError) as refusal:
        asyncio.run(BING.upload(account, picture(), credentials))
    assert refusal.value.code == "image_rejected"
