"""Conversations, sockets and the outcomes of turns, over a real port."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import Chatter, system, wait_for
from tests.bingproject.sandbox.conftest import Talk


def rule(server: SandboxServer, scenario: str, **fields: Any) -> None:
    """Set a rule."""
    httpx.post(f"{server.url}/_sandbox/scenario", json={"scenario": scenario, **fields}).raise_for_status()


def blamed(server: SandboxServer) -> list[str]:
    """The kinds of all violations so far."""
    return [one["kind"] for one in server.state.violations]


@pytest.mark.parametrize("path", ["/turing/conversation/create", "/edgesvc/turing/conversation/create"])
def test_a_conversation_is_opened(server: SandboxServer, path: str) -> None:
    """Era 2: ids in the body, both signatures in headers, the token with all that needs encoding."""
    chatter = Chatter(server)
    reply = chatter.create(path)
    chatter.close()
    assert reply.json()["result"] == {"value": "Success", "message": None}
    assert "conversationSignature" not in reply.json()
    assert chatter.conversation_id.startswith("51D|BingProd|")
    assert chatter.client_id.isdigit()
    assert {"+", "/", "="} <= set(chatter.token)
    assert chatter.signature
    assert server.state.chats["chat"].creates == {"alice": 1}


def test_era_1_has_the_signature_in_the_body(server: SandboxServer, talk: Talk) -> None:
    """No header, no token; the invocation carries the signature, and without it is at fault."""
    httpx.post(f"{server.url}/_sandbox/options", json={"chat_era": 1}).raise_for_status()
    alice = talk()
    assert (alice.token, bool(alice.signature)) == ("", True)
    assert alice.ask("hi", conversationSignature=alice.signature).value == "Success"
    assert blamed(server) == []
    assert alice.ask("hi").value == "BadRequest"


def test_who_is_not_signed_in_opens_nothing(server: SandboxServer) -> None:
    """Without a cookie, or with a dead one, the answer is UnauthorizedRequest."""
    for cookie in ("", "expired-1"):
        chatter = Chatter(server, cookie)
        assert chatter.create().json()["result"]["value"] == "UnauthorizedRequest"
        chats = chatter.http.get("/turing/conversation/chats").json()
        assert chats["result"]["value"] == "UnauthorizedRequest"
        chatter.close()


def test_a_conversation_can_be_opened_again(server: SandboxServer, talk: Talk) -> None:
    """The same id with a new token, for its owner only; the list names it."""
    alice, bob = talk(), talk("bob")
    first, token = alice.conversation_id, alice.token
    alice.create(conversationId=first)
    assert alice.conversation_id == first
    assert alice.token != token
    bob.create(conversationId=first)
    assert bob.conversation_id != first
    chats = alice.http.get("/turing/conversation/chats").json()
    assert [one["conversationId"] for one in chats["chats"]] == [first]
    assert chats["clientId"] == alice.client_id


@pytest.mark.parametrize(
    ("scenario", "status"),
    [("create-404", 404), ("create-403", 403), ("create-redirect", 302), ("create-signin", 302), ("create-html", 200),
     ("create-429-retry-after", 429), ("create-list", 200), ("create-500", 500)],
)  # fmt: skip
def test_create_fails_once_then_succeeds(server: SandboxServer, talk: Talk, scenario: str, status: int) -> None:
    """A rule for the next create, for that account alone; no redirect leads to a conversation."""
    rule(server, scenario, next=1, account="alice")
    alice, bob = talk(), talk("bob")
    assert (alice.conversation_id, bool(bob.conversation_id)) == ("", True)
    assert server.state.chats["chat"].create_outcomes[scenario] == 1
    assert alice.create().status_code == 200
    assert alice.conversation_id
    rule(server, scenario, next=1)
    assert alice.http.get("/turing/conversation/create").status_code == status


def test_create_sets_a_cookie_that_changes(server: SandboxServer, talk: Talk) -> None:
    """Another value each time; what came back of it is shown."""
    rule(server, "create-new-cookie")
    alice = talk()
    assert alice.conversation_id
    assert alice.http.get("/turing/conversation/create").status_code == 200
    assert alice.http.cookies["SANDBOX_CHANGING"] == "2"
    assert server.state.chats["chat"].describe()["cookies"]["alice"] == "1"


@pytest.mark.parametrize(
    ("scenario", "value"),
    [("create-unauthorized", "UnauthorizedRequest"), ("create-stale", "UnauthorizedRequest"),
     ("create-forbidden", "Forbidden"), ("create-unknown-result", "SandWasBlown")],
)  # fmt: skip
def test_create_is_refused_by_a_value(server: SandboxServer, talk: Talk, scenario: str, value: str) -> None:
    """Status 200, and the value says it."""
    rule(server, scenario)
    assert talk().create().json()["result"]["value"] == value


def test_create_without_signature_or_half(server: SandboxServer, talk: Talk) -> None:
    """Success without a signature, a body that stops half-way, and the id of somebody not signed in."""
    rule(server, "create-no-signature", next=1)
    alice = talk()
    assert (alice.token, alice.signature, bool(alice.conversation_id)) == ("", "", True)
    rule(server, "create-anonymous", next=1)
    alice.create()
    assert "|BingProdUnAuthenticatedUsers|" in alice.conversation_id
    rule(server, "create-garbage", next=1)
    with pytest.raises(ValueError):
        alice.create()


@pytest.mark.parametrize(
    ("scenario", "status"),
    [("socket-401", 401), ("socket-403", 403), ("socket-200", 200), ("socket-429", 429), ("socket-500", 500),
     ("socket-503", 503)],
)  # fmt: skip
def test_an_upgrade_is_refused(server: SandboxServer, talk: Talk, scenario: str, status: int) -> None:
    """The status is the scenario's, no socket is opened, the next one is."""
    alice = talk()
    rule(server, scenario, next=1, account="alice")
    with pytest.raises(InvalidStatus) as refused:
        alice.connect()
    assert refused.value.response.status_code == status
    sockets = server.state.chats["chat"].sockets
    assert (sockets.opened, sockets.refused) == (0, 1)
    assert alice.ask("hi").value == "Success"


def test_a_refused_upgrade_says_when(server: SandboxServer, talk: Talk) -> None:
    """429 with Retry-After."""
    rule(server, "socket-429-retry-after")
    with pytest.raises(InvalidStatus) as refused:
        talk().connect()
    assert refused.value.response.headers["Retry-After"] == "7"


@pytest.mark.slow
def test_an_upgrade_breaks_or_stalls(server: SandboxServer, talk: Talk) -> None:
    """Cut, it ends without an answer; stalled, it never ends by itself."""
    alice = talk()
    rule(server, "socket-cut", next=1)
    with pytest.raises(Exception, match="did not receive a valid HTTP response"):
        alice.connect()
    rule(server, "socket-stall", next=1)
    with pytest.raises(TimeoutError):
        alice.connect()


def test_an_upgrade_must_have_origin_and_token(server: SandboxServer, talk: Talk) -> None:
    """No Origin is 403, no token 401, a mangled one 200; each is a violation."""
    alice = talk()
    cases: list[tuple[int, dict[str, Any]]] = [
        (403, {"origin": None}),
        (401, {"token": ""}),
        (200, {"token": alice.token}),
        (
            200,
            {"token": httpx.URL("http://a", params={"a": httpx.QueryParams({"b": alice.token})}).params["a"][2:] + "x"},
        ),
    ]
    for status, changes in cases:
        with pytest.raises(InvalidStatus) as refused:
            alice.connect(**changes)
        assert refused.value.response.status_code == status
    assert blamed(server) == ["chat-origin", "chat-token", "chat-token", "chat-token"]


def test_a_cookie_of_another_account_is_found_out(server: SandboxServer, talk: Talk) -> None:
    """A socket with bob's cookie for alice's conversation is answered by BadRequest."""
    alice, bob = talk(), talk("bob")
    alice.conversation_id, alice.client_id = bob.conversation_id, bob.client_id
    assert "the token is another conversation's" in alice.ask("hi").item["result"]["message"]
    assert set(blamed(server)) == {"chat-invocation"}


def test_a_plain_turn(server: SandboxServer, talk: Talk) -> None:
    """Throttling alone first, a cumulative text, type 2 and 3; the state tells the system prompt and the times."""
    alice = talk()
    heard = alice.ask("Two plus two? Größe", previousMessages=system("Answer in rhyme."))
    assert heard.answer == "You wrote: “Two plus two? Größe” That was turn 1. The sandbox answers, not Bing."
    assert "messages" not in heard.records[0]["arguments"][0]
    assert heard.texts[-1] == heard.answer
    assert all(later.startswith(earlier) for earlier, later in zip(heard.texts, heard.texts[1:], strict=False))
    assert heard.types[-2:] == [2, 3]
    assert heard.item["throttling"]["numUserMessagesInConversation"] == 1
    assert heard.item["result"]["message"] == heard.answer
    turn = httpx.get(f"{server.url}/_sandbox/turns").json()[0]
    assert (turn["system"], turn["outcome"], turn["account"]) == ("Answer in rhyme.", "answered", "alice")
    assert turn["started_at"] <= turn["first_at"] <= turn["ended_at"]
    assert turn["characters"] == len("Two plus two? Größe") + len("Answer in rhyme.")
    assert blamed(server) == []


def test_turns_follow_each_other(server: SandboxServer, talk: Talk) -> None:
    """Ten turns: one create, ten sockets; the counters say it."""
    alice = talk()
    for number in range(10):
        assert f"turn {number + 1}." in alice.ask("again").answer
    # A client may open its next socket before the server has noticed the end of earlier ones.
    wait_for(lambda: server.state.chats["chat"].sockets.open == 0)
    chat = httpx.get(f"{server.url}/_sandbox/state").json()["chat"]
    assert (chat["creates"], chat["turns"], chat["characters"]) == (1, 10, 50)
    assert (chat["sockets"]["opened"], chat["sockets"]["refused"], chat["sockets"]["left"]) == (10, 0, 0)
    assert (chat["outcomes"], chat["max_in_flight"]) == ({"answered": 10}, {"alice": 1})
    assert chat["conversations"][0]["turns"] == 10


@pytest.mark.parametrize(
    ("scenario", "value"),
    [("throttled", "Throttled"), ("captcha", "CaptchaChallenge"), ("invalid-session", "InvalidSession"),
     ("token-expired", "UnauthorizedRequest"), ("signature-not-set", "UnauthorizedRequest"),
     ("unknown-result", "SandWasBlown"), ("throttle", "Throttled")],
)  # fmt: skip
def test_a_turn_is_refused_as_often_as_asked(talk: Talk, scenario: str, value: str) -> None:
    """`=1` refuses that message once; refusals have neither messages nor throttling, and do not count as turns."""
    alice = talk()
    heard = alice.ask(f"sandbox:{scenario}=1")
    assert heard.value == value
    assert not {"messages", "throttling"} & heard.item.keys()
    assert ("error" in heard.item["result"]) == (value != "InvalidSession")
    again = alice.ask(f"sandbox:{scenario}=1")
    assert again.value == "Success"
    assert again.item["throttling"]["numUserMessagesInConversation"] == 1


def test_rules_go_before_words(server: SandboxServer, talk: Talk) -> None:
    """A rule for one account replaces its message's own outcome; its knobs go on; rules for knobs hold too."""
    alice, bob = talk(), talk("bob")
    rule(server, "captcha", account="alice", next=1)
    assert alice.ask("sandbox:throttled").value == "CaptchaChallenge"
    assert bob.ask("sandbox:throttled").value == "Throttled"
    rule(server, "words", number=7, next=1)
    assert len(bob.ask("one two three").answer.split()) == 7


@pytest.mark.parametrize("word", ["bogus", "panda", "create-404", "socket-401"])
def test_a_word_that_cannot_hold_is_told(server: SandboxServer, talk: Talk, word: str) -> None:
    """A misspelt or misplaced name must not pass as an ordinary message."""
    heard = talk().ask(f"sandbox:{word}")
    assert (heard.value, word in heard.item["result"]["message"]) == ("BadRequest", True)
    assert blamed(server) == ["chat-invocation"]


def test_conversations_are_full_old_or_closed(server: SandboxServer, talk: Talk) -> None:
    """The limit of turns, the age, and Disengaged each end a conversation in their own way."""
    httpx.post(f"{server.url}/_sandbox/options", json={"chat_max_turns": 2}).raise_for_status()
    alice = talk()
    assert [alice.ask("hi").value, alice.ask("hi").value] == ["Success", "Success"]
    full = alice.ask("hi")
    assert (full.value, full.messages[-1]["contentOrigin"]) == ("Success", "TurnLimiter")
    alice.create()
    httpx.post(f"{server.url}/_sandbox/clock", json={"advance": 6 * 3600}).raise_for_status()
    assert alice.ask("hi").value == "InvalidSession"
    alice.create()
    alice.ask("sandbox:disengaged")
    assert blamed(server) == []
    assert alice.ask("hi").value == "InvalidSession"
    assert blamed(server) == ["chat-closed"]


def test_the_last_turn_has_an_answer(talk: Talk) -> None:
    """num==max comes with a good answer, and the next turn meets the limit."""
    alice = talk()
    last = alice.ask("sandbox:last-turn=1")
    throttling = last.item["throttling"]
    assert throttling["numUserMessagesInConversation"] == throttling["maxNumUserMessagesInConversation"] == 30
    assert last.answer
    assert alice.ask("sandbox:last-turn=1").messages[-1]["contentOrigin"] == "TurnLimiter"


def test_an_account_can_have_few_turns_left(server: SandboxServer, talk: Talk) -> None:
    """Throttled when they are used up, until more are given."""
    alice = talk()
    account = f"{server.url}/_sandbox/account"
    httpx.post(account, json={"account": "alice", "chat_turns": 1}).raise_for_status()
    assert [alice.ask("a").value, alice.ask("b").value] == ["Success", "Throttled"]
    httpx.post(account, json={"account": "alice", "chat_turns": None}).raise_for_status()
    assert alice.ask("c").value == "Success"


def test_too_much_ends_without_a_word(talk: Talk) -> None:
    """More characters than fit, in the message or before it, are answered by close 1000 alone."""
    alice = talk()
    assert alice.ask("a" * 32_001).code == 1000
    alice.create()
    assert alice.ask("hi", previousMessages=system("a" * 32_001)).code == 1000
    alice.create()
    assert alice.ask("a" * 32_000).value == "Success"


def test_a_conversation_of_an_earlier_life_is_gone(server: SandboxServer, talk: Talk) -> None:
    """After a reset its token still opens a socket, and its turn is InvalidSession, without a violation."""
    alice = talk()
    server.state.reset()
    assert alice.ask("hi").value == "InvalidSession"
    assert blamed(server) == []


def test_two_turns_at_once_are_a_violation(server: SandboxServer, talk: Talk) -> None:
    """The second of one conversation is BadRequest; of two conversations both go on and count as two in flight."""
    alice, other = talk(), talk()
    with alice.connect() as socket:
        socket.send('{"protocol":"json","version":1}\x1e')
        socket.send(json.dumps(alice.invocation("sandbox:silent")) + "\x1e")
        alice.turns += 1
        assert socket.recv() == "{}\x1e"
        assert "still going on" in alice.ask("hi").item["result"]["message"]
        assert other.ask("hi").value == "Success"
    assert server.state.chats["chat"].max_in_flight == {"alice": 2}


def test_an_answered_turn_makes_room_while_its_socket_is_open(talk: Talk) -> None:
    """The next turn may begin on a socket of its own; the first socket's end does not end it."""
    alice = talk()
    with alice.connect() as first:
        assert alice.ask_over(first, "hello").value == "Success"
        assert alice.ask("and again").value == "Success"
