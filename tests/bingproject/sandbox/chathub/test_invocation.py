"""The strict reading of invocations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bingproject.sandbox.chat.chat_state import SandboxConversation
from bingproject.sandbox.chathub.invocation import check_place, parse_invocation
from tests.bingproject.sandbox.chat.chatters import system


def invocation(message: dict[str, Any] | None = None, record: dict[str, Any] | None = None, **changes: Any) -> Any:
    """A right record with parts of it replaced."""
    said = {"author": "user", "messageType": "Chat", "text": "hi", "requestId": "r", "messageId": "r"}
    argument = {
        "tone": "Precise", "optionsSets": ["a"], "plugins": [], "isStartOfSession": True, "requestId": "r",
        "conversationId": "c", "participant": {"id": "914"}, "previousMessages": None,
        "message": said | (message or {}),
    }  # fmt: skip
    return {"type": 4, "target": "chat", "invocationId": "0", "arguments": [argument | changes]} | (record or {})


def test_a_right_one_is_read() -> None:
    """No fault, and all that counts is there."""
    asked = parse_invocation(invocation(previousMessages=system("one") + system("two", contextType="ClientApp")))
    assert asked.faults == []
    assert (asked.text, asked.system, asked.tone, asked.options) == ("hi", "one\n\ntwo", "Precise", ["a"])
    assert (asked.conversation_id, asked.participant_id, asked.is_start) == ("c", "914", True)
    assert parse_invocation(invocation(message={"imageUrl": "https://a.test/images/blob?bcid=7"})).image == "7"


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (invocation(record={"target": "update"}), "target is not chat"),
        (invocation(record={"invocationId": 0}), "invocationId is not a string"),
        (invocation(record={"invocationId": ""}), "invocationId is empty"),
        (invocation(record={"arguments": []}), "arguments is not a list with one object"),
        (invocation(conversationId=None), "conversationId is not a string"),
        (invocation(participant=None), "id is not a string"),
        (invocation(isStartOfSession=None), "isStartOfSession is neither true nor false"),
        (invocation(tone="precise"), "tone 'precise' does not exist"),
        (invocation(optionsSets="a"), "optionsSets is not a list of strings"),
        (invocation(allowedMessageTypes=[1]), "allowedMessageTypes is not a list of strings"),
        (invocation(plugins=None), "plugins is not a list"),
        (invocation(optionsSets=["nosearchall"], plugins=[{}]), "plugins are named though nothing is searched"),
        (invocation(previousMessages="a"), "previousMessages holds what is not an object"),
        (invocation(previousMessages=""), "previousMessages is neither null nor a list"),
        (invocation(previousMessages=system("a"), isStartOfSession=False), "previousMessages on a later turn"),
        (invocation(previousMessages=system("a", author="bot")), "an earlier message's author is neither"),
        (invocation(previousMessages=system("a", contextType="x")), "an earlier message's contextType is unknown"),
        (invocation(previousMessages=system("a", messageType="Chat")), "an earlier message's messageType is"),
        (invocation(message={"author": "bot"}), "message.author is not user"),
        (invocation(message={"messageType": "Context"}), "message.messageType is not Chat"),
        (invocation(message={"text": None}), "text is not a string"),
        (invocation(message={"text": "\ud800"}), "text holds half a character"),
        (invocation(message={"messageId": "x"}), "message.messageId is not requestId"),
        (invocation(message={"imageUrl": "https://a.test/"}), "message.imageUrl names no picture"),
        ({**invocation(), "arguments": [{**invocation()["arguments"][0], "message": 1}]}, "message is not an object"),
    ],
)  # fmt: skip
def test_a_fault_is_named(record: dict[str, Any], fault: str) -> None:
    """Each fault is found, and found alone."""
    asked = parse_invocation(record)
    assert any(one.startswith(fault) for one in asked.faults)
    assert len(asked.faults) <= 2


@pytest.mark.parametrize(
    ("changes", "state", "fault"),
    [
        ({"participant": {"id": "1"}}, {}, "participant.id is not the conversation's clientId"),
        ({"isStartOfSession": False}, {}, "isStartOfSession is False on turn 0"),
        ({}, {"invocations": 1}, "isStartOfSession is True on turn 1"),
        ({}, {"is_busy": True}, "another turn of this conversation is still going on"),
        ({"conversationId": "d"}, {"id": "d"}, "the token is another conversation's"),
        ({"conversationSignature": "x"}, {}, "conversationSignature is not ours"),
    ],
)
def test_an_invocation_must_fit_its_conversation(changes: dict[str, Any], state: dict[str, Any], fault: str) -> None:
    """Who, whose and which turn."""
    conversation = replace(SandboxConversation("c", "914", "alice", 0.0), **state)
    right = parse_invocation(invocation())
    check_place(right, SandboxConversation("c", "914", "alice", 0.0), "c", 2)
    assert right.faults == []
    asked = parse_invocation(invocation(**changes))
    check_place(asked, conversation, "c", 2)
    assert asked.faults == [fault]
    if not changes or "conversationSignature" in changes:
        return
    check_place(asked, conversation, None, 1)
    assert "conversationSignature is not what was issued" in asked.faults
