"""Conversations, tokens and counts."""

from __future__ import annotations

import pytest

from bingproject.sandbox.chat.chat_state import ANONYMOUS, ChatState, SandboxTurn, make_token, read_token


def turn(conversation: str = "c") -> SandboxTurn:
    """A turn of alice's with a system prompt."""
    return SandboxTurn(conversation, "alice", 0, "0", "hello", "be kind", "", [], 0, None, 1.0, outcome="throttled")


@pytest.mark.parametrize("kind", ["BingProd", ANONYMOUS])
def test_a_token_leads_to_its_conversation(kind: str) -> None:
    """Whatever its length; it holds what must be encoded, and is another after a renewal."""
    conversation = ChatState().create("alice", 0.0, kind=kind)
    token = conversation.token
    assert read_token(token) == conversation.id
    assert {"+", "/", "="} <= set(token)
    conversation.renewals += 1
    assert conversation.token != token
    assert f"|{kind}|" in conversation.id


@pytest.mark.parametrize(
    "token", ["", "S+/", "S+/a=", make_token("c", 0).replace("+", " "), make_token("c", 0)[:-1], "é"]
)
def test_a_mangled_token_leads_nowhere(token: str) -> None:
    """Cut, decoded twice, or never ours."""
    assert read_token(token) is None


def test_two_conversations_have_nothing_in_common_but_the_client() -> None:
    """Ids, signatures and tokens differ; clientId is the account's."""
    chat = ChatState()
    one, two, other = chat.create("alice", 0.0), chat.create("alice", 0.0), chat.create("bob", 0.0)
    assert len({one.id, two.id, one.signature, two.signature, one.token, two.token}) == 6
    assert one.client_id == two.client_id != other.client_id


def test_turns_are_counted_while_and_after_they_are_played() -> None:
    """In flight at once and at most, characters with the system prompt, outcomes at the end."""
    chat = ChatState()
    conversation = chat.create("alice", 0.0)
    first, second = turn(conversation.id), turn()
    chat.begin(first, conversation)
    chat.begin(second, None)
    assert (conversation.is_busy, conversation.invocations, chat.characters) == (True, 1, 24)
    assert chat.describe()["in_flight"] == {"alice": 2}
    chat.end(first, conversation)
    chat.end(second, None)
    described = chat.describe()
    assert (conversation.is_busy, described["in_flight"], described["max_in_flight"]) == (False, {}, {"alice": 2})
    assert (described["outcomes"], described["turns"]) == ({"throttled": 2}, 2)
    assert first.record()["characters"] == 12
