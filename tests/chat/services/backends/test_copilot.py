"""The consumer Copilot: calls by token or cookies, a token that is renewed, pictures, and where its socket is."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account
from bingproject.errors import ServiceError
from bingproject.sandbox.server import SandboxServer
from chat.protocol.failures import ErrorFactory
from chat.services.backends import BACK_ENDS
from chat.services.backends.copilot import Copilot
from tests.chat.services.backends.test_bing import PNG, picture
from tests.chat.turns import play
from tests.factories import make_token_account

pytestmark = pytest.mark.django_db(transaction=True)


def make_account_with_cookies(**columns: object) -> Account:
    """An account that has both."""
    account = make_token_account("copilot", "alice")
    token, expires = account.encrypted_token, account.token_expires_at
    account.rotate({"_U": "alice", "_C_Auth": "alice"}, account.cookies_at)  # type: ignore[arg-type]
    Account.objects.filter(pk=account.pk).update(encrypted_token=token, token_expires_at=expires, state="ok", **columns)
    account.refresh_from_db()
    return account


def test_a_conversation_is_opened_by_the_token(hub: SandboxServer) -> None:
    """And belongs to the account."""
    account = make_token_account("copilot", "alice")
    opened = asyncio.run(BACK_ENDS["copilot"].open_session(account))
    assert hub.state.chats["copilot"].conversations[opened["conversation_id"]].owner == "alice"


def test_where_one_manner_is_refused_the_other_is_tried(hub: SandboxServer) -> None:
    """Once; from then on the one that was let in comes first. Only when both are refused the account is at fault."""
    account, back_end = make_account_with_cookies(), Copilot()
    for auth in (2, 1):  # cookies alone, then the token: stale cookies end no account whose token is good
        httpx.post(f"{hub.url}/_sandbox/options", json={"copilot_auth": auth}).raise_for_status()
        hub.state.chats["copilot"].create_outcomes.clear()
        for _ in range(2):
            asyncio.run(back_end.open_session(account))
        assert hub.state.chats["copilot"].create_outcomes == {"create-401": 1, "created": 2}
    httpx.post(f"{hub.url}/_sandbox/account", json={"account": "alice", "is_alive": False}).raise_for_status()
    with pytest.raises(ServiceError) as failure:
        asyncio.run(back_end.open_session(account))
    assert failure.value.code == "cookie_expired"
    assert hub.state.chats["copilot"].create_outcomes["create-401"] == 3


def test_new_credentials_begin_with_the_token_again(hub: SandboxServer) -> None:
    """What was learned of the old ones is forgotten."""
    account, back_end = make_account_with_cookies(), Copilot()
    httpx.post(f"{hub.url}/_sandbox/options", json={"copilot_auth": 2}).raise_for_status()
    asyncio.run(back_end.open_session(account))
    httpx.post(f"{hub.url}/_sandbox/options", json={"copilot_auth": 1}).raise_for_status()
    Account.objects.filter(pk=account.pk).update(cookies_at=timezone.now())
    account.refresh_from_db()
    asyncio.run(back_end.open_session(account))
    assert hub.state.chats["copilot"].create_outcomes == {"create-401": 1, "created": 2}


def test_a_picture_is_handed_over(hub: SandboxServer) -> None:
    """Byte for byte; its address comes back."""
    account, back_end = make_token_account("copilot"), BACK_ENDS["copilot"]
    (url,) = asyncio.run(back_end.upload(account, picture(), {}))
    assert next(iter(hub.state.chats["copilot"].uploads.values())).content == PNG
    assert url.startswith("/c/api/attachments/")
    play(hub, "kblob-refused")
    with pytest.raises(ServiceError) as failure:
        asyncio.run(back_end.upload(account, picture(), {}))
    assert failure.value.code == "image_rejected"


def test_the_socket_holds_the_token_and_the_cookies(settings: Settings) -> None:
    """It is opened as the browser that the clearance belongs to."""
    settings.COPILOT_URL = "https://copilot.example.org"
    account = make_account_with_cookies(user_agent="Mine/1.0")
    address = asyncio.run(BACK_ENDS["copilot"].address(account, {}))
    assert parse_qs(urlsplit(address.url).query)["accessToken"] == [account.token]
    assert address.url.startswith("wss://copilot.example.org/c/api/chat?")
    assert address.headers["Cookie"] == "_U=alice; _C_Auth=alice"
    assert address.user_agent == "Mine/1.0"


def test_an_account_without_a_token_command_cannot_be_renewed() -> None:
    """Its token is the operator's to renew."""
    assert not asyncio.run(BACK_ENDS["copilot"].renew(make_token_account("copilot")))


def test_what_has_been_received_is_not_asked_again() -> None:
    """Nor what is about the region; a connection that broke before may be tried once more."""
    back_end, errors = BACK_ENDS["copilot"], ErrorFactory("Copilot")
    lost, refused = errors.build("upstream_interrupted", ""), errors.build("upstream_refused", "")
    assert back_end.may_repeat(lost, is_heard=False)
    assert not back_end.may_repeat(lost, is_heard=True)
    assert not back_end.may_repeat(refused, is_heard=False)
