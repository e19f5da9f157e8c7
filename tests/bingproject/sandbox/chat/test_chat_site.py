"""What the three chats' servers have in common, without a socket."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bingproject.sandbox.app import create_app
from bingproject.sandbox.chat.chat_site import ChatSite, is_uuid
from bingproject.sandbox.chat.chat_state import SandboxTurn
from bingproject.sandbox.chat.turn_words import ANSWERED
from bingproject.sandbox.core.exchange import SandboxReply
from bingproject.sandbox.core.scenarios import Rule
from bingproject.sandbox.m365.site import TOKEN as M365_TOKEN
from bingproject.sandbox.providers import make_token

ALICE: Any = SimpleNamespace(account="alice")


@pytest.fixture(params=["chat", "copilot", "m365"])
def site(request: pytest.FixtureRequest) -> Any:
    """Each of the three, with a memory of its own."""
    return create_app().sites[request.param]


def rule(site: ChatSite, scenario: str) -> None:
    """Set a rule for the next time."""
    site.state.scenarios.add(Rule(site.state.scenarios.find(scenario), left=1))


def turn(text: str) -> SandboxTurn:
    """A question of Alice's."""
    return SandboxTurn("c1", "alice", 0, "0", text, None, "Magic", [], 1, None, 0.0, request_id="r1")


def status(reply: SandboxReply | str | None) -> int:
    """The status of an answer that is one."""
    assert isinstance(reply, SandboxReply)
    return reply.status


def test_who_holds_a_token(site: ChatSite) -> None:
    """A live account, by a token for this service that has not ended."""
    held = site.account_of_token(make_token("m365", "alice", 1e12), M365_TOKEN)
    assert held is not None and held.name == "alice"
    for token in (make_token("copilot", "alice", 1e12), make_token("m365", "alice", 1.0), "nonsense", ""):
        assert site.account_of_token(token, M365_TOKEN) is None
    site.state.set_alive(held, False)
    assert site.account_of_token(make_token("m365", "alice", 1e12), M365_TOKEN) is None


def test_an_upload_meets_a_rule(site: ChatSite) -> None:
    """It is refused in the service's own words, or by a status, or looked at; each one counts."""
    account = site.state.account("alice")
    assert site.meet_upload(account, {"is": "refused"}) is None
    rule(site, "kblob-refused")
    refused = site.meet_upload(account, {"is": "refused"})
    assert refused is not None and refused.body == b'{"is": "refused"}'
    rule(site, "kblob-503")
    assert status(site.meet_upload(account, {})) == 503
    assert site.chat.uploads_asked == 3


def test_an_upgrade_meets_a_rule(site: ChatSite) -> None:
    """It is refused, or let in with a handshake that goes wrong."""
    assert site.meet_upgrade("alice") == ""
    rule(site, "handshake-silent")
    assert site.meet_upgrade("alice") == "handshake-silent"
    rule(site, "socket-429-retry-after")
    refused = site.meet_upgrade("alice")
    assert (
        status(refused) == 429
        and isinstance(refused, SandboxReply)
        and (b"retry-after", b"7") in refused.start["headers"]
    )


def test_a_word_that_nobody_knows_is_a_fault(site: ChatSite) -> None:
    """It is written down with the others, under the service's name and the account's."""
    faults: list[str] = ["isStartOfSession is no boolean"]
    assert site.choose(ALICE, turn("hi sandbox:sand"), "invocation", faults) == ({}, ANSWERED)
    assert len(faults) == 2
    kinds = [(one["kind"], one["account"], one["path"]) for one in site.state.violations]
    assert kinds == [(f"{site.name}-invocation", "alice", site.path)] * 2
    assert site.choose(ALICE, turn("hi sandbox:cut sandbox:gap=1"), "invocation", []) == ({"gap": 1.0}, "cut-after")


def test_who_breaks_the_manners_may_be_nobody(site: ChatSite) -> None:
    """A socket without an account is blamed without a name."""
    nobody: Any = SimpleNamespace(account="")
    site.violation(nobody, "frame", "a frame of bytes")
    assert [one["account"] for one in site.state.violations] == [""]


@pytest.mark.parametrize(("outcome", "left", "said"), [(ANSWERED, False, 1), (ANSWERED, True, 0), ("silent", False, 0)])
def test_the_end_of_a_turn(site: ChatSite, outcome: str, left: bool, said: int) -> None:
    """An answer that was heard to its end belongs to the conversation."""
    conversation = site.chat.create("alice", 0.0, conversation_id="c1")
    asked = turn("hi")
    asked.outcome, asked.left, asked.answer = outcome, left, "Hello."
    site.chat.begin(asked, conversation)
    site.end_turn(ALICE, asked)
    assert conversation.said == [("bot", "Hello.")] * said
    assert not conversation.is_busy and not site.chat.in_flight["alice"]


def test_uuids() -> None:
    """As clients write them, and nothing else."""
    assert is_uuid("9188040d-6c67-4c5b-b112-36a304b66dad")
    assert not is_uuid("9188040d6c674c5bb11236a304b66dad") and not is_uuid("7") and not is_uuid("")
