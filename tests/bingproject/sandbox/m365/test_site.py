"""Microsoft 365 Copilot over a real port: addresses, questions, pictures, and what becomes of turns."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from bingproject.sandbox.providers import make_token
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import blamed, wait_for
from tests.bingproject.sandbox.chat.relatives import M365Client
from tests.bingproject.sandbox.conftest import NewM365

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n sand").decode()


def rule(server: SandboxServer, scenario: str) -> None:
    """Set a rule for the next time."""
    httpx.post(f"{server.url}/_sandbox/scenario", json={"scenario": scenario, "next": 1}).raise_for_status()


def refused(client: M365Client, **query: str) -> int:
    """The status a socket is refused with."""
    with pytest.raises(InvalidStatus) as refusal, client.connect(**query):
        pass
    return refusal.value.response.status_code


@pytest.mark.parametrize("is_opaque", [False, True])
def test_a_chat_of_two_turns(server: SandboxServer, is_opaque: bool, m365: NewM365) -> None:
    """In a conversation of the client's own naming."""
    alice = m365(is_opaque=is_opaque)
    assert "That was turn 1." in alice.ask("hi").item["result"]["message"]
    assert "That was turn 2." in alice.ask("again").item["result"]["message"]
    assert not blamed(server)
    wait_for(lambda: server.state.chats["m365"].sockets.open == 0)
    (conversation,) = server.state.chats["m365"].conversations.values()
    assert (conversation.turns, len(conversation.said)) == (2, 4)


def test_who_is_let_in(server: SandboxServer, m365: NewM365) -> None:
    """The holder of a live token for this service."""
    alice = m365()
    for token in (make_token("copilot", "alice", 1e12), make_token("m365", "alice", 1.0), "nonsense"):
        assert refused(alice, access_token=token) == 401
    assert refused(m365("expired-bob")) == 401
    assert not blamed(server)


@pytest.mark.parametrize(
    "query",
    [{"source": "cib"}, {"product": "Bing"}, {"agent": "work"}, {"clientrequestid": "7"}, {"ConversationId": "7"}],
)
def test_addresses_that_are_wrong(server: SandboxServer, query: dict[str, str], m365: NewM365) -> None:
    """Are refused and written down."""
    assert refused(m365(), **query) == 400
    assert set(blamed(server)) == {"m365-address"}


def test_another_accounts_place(server: SandboxServer, m365: NewM365) -> None:
    """The address must name the token's account."""
    alice = m365()
    alice.place = m365("bob").place
    assert refused(alice) == 400


@pytest.mark.parametrize(
    "changes",
    [{"source": "cib"}, {"conversationId": "other"}, {"isStartOfSession": False}, {"sessionId": "other"},
     {"message": {"author": "bot", "text": 7}}],
)  # fmt: skip
def test_questions_with_faults(server: SandboxServer, changes: dict[str, Any], m365: NewM365) -> None:
    """Are dropped as in life, and written down."""
    assert m365().ask("hi", **changes).types == [3]
    assert set(blamed(server)) == {"m365-invocation"}


def test_tones_and_limits(server: SandboxServer, m365: NewM365) -> None:
    """A tone nobody has is an empty answer; an account without allowance is throttled."""
    alice = m365()
    assert alice.ask("hi", tone="Sand").item["result"]["message"] == ""
    server.state.account("alice").chat_turns = 0
    assert alice.ask("hi").value == "Throttled"


def test_a_conversation_that_is_too_old(server: SandboxServer, m365: NewM365) -> None:
    """After six hours of the sandbox's clock."""
    alice = m365()
    alice.ask("hi")
    httpx.post(f"{server.url}/_sandbox/clock", json={"advance": 6 * 3600}).raise_for_status()
    alice.token = make_token("m365", "alice", 1e12)
    assert alice.ask("hi").value == "InvalidSession"


def test_a_token_that_dies_in_the_middle(server: SandboxServer, m365: NewM365) -> None:
    """The line is cut, and the next socket refused."""
    alice = m365()
    assert alice.ask("hi sandbox:token-dies").code == 1006
    assert refused(alice) == 401


def test_a_picture(server: SandboxServer, m365: NewM365) -> None:
    """Sent as a data URL in a form, named in the question."""
    alice = m365()
    headers = {"authorization": f"Bearer {alice.token}", "x-variants": "feature.EnableImageSupportInUploadFile"}
    form = {"scenario": "UploadImage", "conversationId": "c", "FileBase64": f"data:image/png;base64,{PNG}"}
    sent = alice.http.post("/m365Copilot/UploadFile", data=form, headers=headers).json()
    assert sent["fileType"] == "png"
    message = {
        "author": "user", "text": "what?", "requestId": "r",
        "messageAnnotations": [{"id": sent["docId"], "messageAnnotationType": "ImageFile"}],
    }  # fmt: skip
    assert "I see the picture" in alice.ask("", message=message).item["result"]["message"]
    assert not blamed(server)
    bad = alice.http.post("/m365Copilot/UploadFile", data=form | {"FileBase64": "sand"}, headers=headers)
    assert bad.json() == {"result": {"value": "Failed"}}
    rule(server, "kblob-refused")
    assert "docId" not in alice.http.post("/m365Copilot/UploadFile", data=form, headers=headers).json()
    assert alice.http.post("/m365Copilot/UploadFile", data=form).status_code == 401
    wrong = alice.http.post("/m365Copilot/UploadFile", data=form, headers=headers | {"x-variants": ""})
    assert wrong.status_code == 400 and blamed(server) == ["m365-upload"]


def test_sockets_are_refused_by_rules(server: SandboxServer, m365: NewM365) -> None:
    """By status, and with a handshake that fails."""
    alice = m365()
    rule(server, "socket-429-retry-after")
    assert refused(alice) == 429
    rule(server, "handshake-error")
    with alice.connect() as socket:
        socket.send('{"protocol":"json","version":1}\x1e')
        assert "error" in str(socket.recv())


def test_tokens_are_handed_out(server: SandboxServer, m365: NewM365) -> None:
    """By the control route; a wrong wish is said to be one."""
    wish = {"service": "m365", "account": "carol", "seconds": 60}
    alice = m365("carol")
    alice.token = httpx.post(f"{server.url}/_sandbox/token", json=wish).json()["token"]
    assert alice.ask("hi").value == "Success"
    assert httpx.post(f"{server.url}/_sandbox/token", json={"service": "sand"}).status_code == 400
    assert httpx.post(f"{server.url}/_sandbox/token", json=wish | {"x": 1}).status_code == 400
