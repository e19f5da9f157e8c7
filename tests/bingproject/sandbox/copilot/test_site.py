"""The consumer Copilot over a real port: who is let in, REST calls, and what becomes of turns."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from bingproject.sandbox.providers import make_token
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import blamed, wait_for
from tests.bingproject.sandbox.chat.relatives import CopilotClient
from tests.bingproject.sandbox.conftest import NewCopilot

PNG = b"\x89PNG\r\n\x1a\n sand"


@pytest.fixture
def client(server: SandboxServer, copilot: NewCopilot) -> CopilotClient:
    """A client with a conversation."""
    found = copilot()
    found.open()
    return found


def rule(server: SandboxServer, scenario: str) -> None:
    """Set a rule for the next time."""
    httpx.post(f"{server.url}/_sandbox/scenario", json={"scenario": scenario, "next": 1}).raise_for_status()


def refused(client: CopilotClient, **options: Any) -> int:
    """The status a socket is refused with; 0 when it is not."""
    with contextlib.suppress(InvalidStatus), client.connect(**options):
        return 0
    try:
        client.connect(**options)
    except InvalidStatus as refusal:
        return refusal.response.status_code
    return 0


def test_conversations_come_and_go(client: CopilotClient) -> None:
    """Opened, listed, read newest first, deleted; start opens one too, and sets a cookie."""
    assert len(client.conversation_id) == 21
    client.ask("hi")
    wait_for(lambda: client.server.state.chats["copilot"].sockets.open == 0)
    assert client.http.get("/c/api/conversations").json()["results"][0]["title"] == "hi"
    history = client.http.get(f"/c/api/conversations/{client.conversation_id}/history").json()["results"]
    assert [one["author"]["type"] for one in history] == ["ai", "human"]
    assert client.http.delete(f"/c/api/conversations/{client.conversation_id}").status_code == 204
    assert client.http.get(f"/c/api/conversations/{client.conversation_id}/history").status_code == 404
    started = client.http.post("/c/api/start", json={"timeZone": "UTC"})
    assert started.json()["currentConversationId"] and "__Host-copilot-anon" in started.headers["set-cookie"]
    assert client.http.get("/c/api/user?api-version=4").json() == {"firstName": "Alice"}
    assert client.http.post("/c/api/user/sessions/temporary").json()["sessionKey"]


@pytest.mark.parametrize("is_opaque", [False, True])
def test_who_is_let_in(server: SandboxServer, is_opaque: bool, copilot: NewCopilot) -> None:
    """The holder of a live token for this service; everybody else is 401, at calls and sockets alike."""
    assert copilot(is_opaque=is_opaque).open().status_code == 200
    other = copilot()
    for token in (make_token("m365", "alice", 1e12), make_token("copilot", "alice", 1.0), "nonsense"):
        other.http.headers["authorization"] = f"Bearer {token}"
        assert other.open().status_code == other.http.get("/c/api/user").status_code == 401
        assert refused(other, token=token) == 401
    assert copilot("expired-bob").open().status_code == 401


def test_cookies_in_place_of_tokens(server: SandboxServer, copilot: NewCopilot) -> None:
    """Where REST takes cookies, a token makes it 401."""
    httpx.post(f"{server.url}/_sandbox/options", json={"copilot_auth": 2}).raise_for_status()
    client = copilot()
    assert client.open().status_code == 401
    del client.http.headers["authorization"]
    client.http.cookies.set("_C_Auth", "alice")
    assert client.open().status_code == 200


def test_two_accounts_in_one_request(client: CopilotClient) -> None:
    """Token and cookie must be of the same."""
    client.http.cookies.set("_C_Auth", "bob")
    client.open()
    assert blamed(client.server) == ["copilot-cookie"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"origin": None}, 403), ({"api-version": "1"}, 400), ({"clientSessionId": "7"}, 400)],
)
def test_addresses_that_are_wrong(client: CopilotClient, changes: dict[str, Any], status: int) -> None:
    """No Origin, another version, no session."""
    assert refused(client, **changes) == status
    assert set(blamed(client.server)) <= {"copilot-origin", "copilot-query"} and blamed(client.server)


@pytest.mark.parametrize(
    ("scenario", "status", "words"),
    [("socket-clearance", 403, "Just a moment"), ("socket-region", 403, "region"), ("socket-401", 401, "")],
)
def test_sockets_are_refused_by_rules(client: CopilotClient, scenario: str, status: int, words: str) -> None:
    """With the page or the words that belong to it."""
    rule(client.server, scenario)
    with pytest.raises(InvalidStatus) as refusal, client.connect():
        pass
    assert refusal.value.response.status_code == status
    assert words in (refusal.value.response.body or b"").decode()


def test_calls_are_refused_by_rules(client: CopilotClient) -> None:
    """Cloudflare's page, a ban, a status."""
    rule(client.server, "create-clearance")
    page = client.open()
    assert page.status_code == 403 and "Just a moment" in page.text
    rule(client.server, "create-blocked")
    assert client.http.post("/c/api/start", json={}).json()["isBlocked"] is True
    rule(client.server, "create-429-retry-after")
    assert client.open().headers["retry-after"] == "7"


def test_a_picture_is_taken_and_seen(client: CopilotClient) -> None:
    """Named by the address the upload gave; one that was never sent is a fault."""
    sent = client.http.post("/c/api/attachments", content=PNG, headers={"content-type": "image/png"}).json()
    parts = [{"type": "image", "url": sent["url"]}, {"type": "text", "text": "what is it?"}]
    assert "I see the picture" in client.ask("", content=parts).text
    assert client.http.post("/c/api/attachments", content=b"no picture").status_code == 400
    rule(client.server, "kblob-refused")
    assert client.http.post("/c/api/attachments", content=PNG).json() == {}
    assert not blamed(client.server)
    client.ask("", content=[{"type": "image", "url": "/c/api/attachments/none"}, parts[1]])
    assert blamed(client.server) == ["copilot-send"]


@pytest.mark.parametrize(
    "changes",
    [{"mode": "sand"}, {"content": "hi"}, {"context": None}, {"content": [{"type": "card"}]}],
)
def test_a_question_with_faults(client: CopilotClient, changes: dict[str, Any]) -> None:
    """Is answered by invalid-event and written down."""
    heard = client.ask("hi", **changes)
    assert heard.of("error")[0]["errorCode"] == "invalid-event"
    assert set(blamed(client.server)) == {"copilot-send"}


def test_another_accounts_conversation(server: SandboxServer, client: CopilotClient, copilot: NewCopilot) -> None:
    """Is none of yours."""
    bob = copilot("bob")
    bob.conversation_id = client.conversation_id
    bob.ask("hi")
    assert blamed(server) == ["copilot-send"]


def test_limits(client: CopilotClient) -> None:
    """A long text, and an account that has no turn left."""
    assert client.ask("a" * 10_241).of("error")[0]["errorCode"] == "text-too-long"
    client.server.state.account("alice").chat_turns = 1
    assert client.ask("one").text
    assert client.ask("two").of("error")[0]["errorCode"] == "chat-service-unavailable"


def test_the_turns_are_counted(client: CopilotClient) -> None:
    """As Bing Chat's are, under a name of their own."""
    client.ask("hi sandbox:recall")
    wait_for(lambda: client.server.state.chats["copilot"].sockets.open == 0)
    state = httpx.get(f"{client.server.url}/_sandbox/state").json()["copilot"]
    assert (state["creates"], state["turns"], state["outcomes"]["answered"]) == (1, 1, 1)
    (turn,) = httpx.get(f"{client.server.url}/_sandbox/turns").json()
    assert (turn["server"], turn["account"], turn["tone"]) == ("copilot", "alice", "smart")


def test_a_made_picture_can_be_fetched(client: CopilotClient) -> None:
    """Its address leads to a JPEG."""
    (made,) = client.ask("a red apple sandbox:image").of("imageGenerated")
    assert httpx.get(made["url"]).content.startswith(b"\xff\xd8\xff")
