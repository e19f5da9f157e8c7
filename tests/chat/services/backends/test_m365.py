"""Microsoft 365 Copilot: ids of our own, the licence's words in the address, pictures as files of the conversation."""

from __future__ import annotations

import asyncio
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest

from bingproject.errors import CookieExpiredError, ServiceError
from bingproject.sandbox.core.tokens import TENANT, object_id
from bingproject.sandbox.server import SandboxServer
from chat.protocol.failures import ErrorFactory
from chat.services.backends import BACK_ENDS
from tests.chat.services.backends.test_bing import PNG, picture
from tests.chat.turns import play
from tests.factories import make_token_account

pytestmark = pytest.mark.django_db(transaction=True)
BACK_END = BACK_ENDS["m365"]


def test_a_conversation_is_named_by_us() -> None:
    """Nobody is asked; an account without a token is found out all the same."""
    thread = asyncio.run(BACK_END.open_session(make_token_account("m365")))
    assert str(uuid.UUID(thread["conversation_id"])) == thread["conversation_id"]
    with pytest.raises(CookieExpiredError):
        asyncio.run(BACK_END.open_session(make_token_account("m365", encrypted_token="")))


@pytest.mark.parametrize(
    ("tier", "tenant", "licence"),
    [
        ("edu", TENANT, "OfficeWebIncludedCopilot"),
        ("", TENANT, "OfficeWebPaidConsumerCopilot"),
        ("", "b1c2", "officeweb"),
    ],
)
def test_the_socket_names_account_token_and_licence(tier: str, tenant: str, licence: str) -> None:
    """Where no licence was given, a personal account has the personal one and any other a company's."""
    account = make_token_account("m365", "alice", tier=tier, tenant_id=tenant)
    thread = asyncio.run(BACK_END.open_session(account))
    address = asyncio.run(BACK_END.address(account, thread))
    query = parse_qs(urlsplit(address.url).query)
    assert urlsplit(address.url).path.endswith(f"/{object_id('alice')}@{tenant}")
    assert (query["access_token"], query["scenario"]) == ([account.token], [licence])
    assert query["ConversationId"] == [thread["conversation_id"]]


def test_a_picture_is_handed_over(hub: SandboxServer) -> None:
    """Byte for byte, for this conversation."""
    account = make_token_account("m365")
    thread = asyncio.run(BACK_END.open_session(account))
    (uploaded,) = asyncio.run(BACK_END.upload(account, picture(), thread))
    kept = hub.state.chats["m365"].uploads[uploaded.doc_id]
    assert (kept.content, kept.conversation) == (PNG, thread["conversation_id"])
    play(hub, "kblob-refused")
    with pytest.raises(ServiceError) as failure:
        asyncio.run(BACK_END.upload(account, picture(), thread))
    assert failure.value.code == "image_rejected"


def test_what_was_dropped_for_its_shape_is_not_asked_again() -> None:
    """The same question would be dropped again; an answer that broke off may be tried once more."""
    errors = ErrorFactory("Microsoft 365 Copilot")
    assert not BACK_END.may_repeat(errors.build("upstream_protocol_error", ""), is_heard=True)
    assert BACK_END.may_repeat(errors.build("upstream_interrupted", ""), is_heard=True)


def test_an_account_without_a_token_command_cannot_be_renewed() -> None:
    """Its token is the operator's to renew."""
    assert not asyncio.run(BACK_END.renew(make_token_account("m365")))
