"""Parse a type-4 record strictly: what it asks for, and everything in it that no client of Bing's sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bingproject.sandbox.chat.chat_state import SandboxConversation

TONES = frozenset({"", "Precise", "Balanced", "Creative", "CreativeClassic", "Base"})
AUTHORS = frozenset({"user", "system"})
CONTEXTS = frozenset({"WebPage", "ClientApp"})


@dataclass
class Invocation:
    """One question, and its faults in words."""

    invocation_id: str = ""
    conversation_id: str = ""
    participant_id: str = ""
    signature: str | None = None
    is_start: bool = False
    text: str = ""
    system: str | None = None
    tone: str = ""
    options: list[str] = field(default_factory=list)
    plugins: int = 0
    image: str | None = None
    request_id: str = ""
    faults: list[str] = field(default_factory=list)

    def require(self, is_right: bool, fault: str) -> None:
        """Add a fault unless the condition holds."""
        if not is_right:
            self.faults.append(fault)


def parse_invocation(record: dict[str, Any]) -> Invocation:
    """Read a type-4 record as far as it can be read."""
    asked = Invocation()
    asked.invocation_id = _string(asked, record, "invocationId")
    asked.require(asked.invocation_id != "", "invocationId is empty")
    asked.require(record.get("target") == "chat", "target is not chat")
    arguments = record.get("arguments")
    if not isinstance(arguments, list) or len(arguments) != 1 or not isinstance(arguments[0], dict):
        asked.faults.append("arguments is not a list with one object")
        return asked
    _read_argument(asked, arguments[0])
    return asked


def _read_argument(asked: Invocation, argument: dict[str, Any]) -> None:
    asked.conversation_id = _string(asked, argument, "conversationId")
    asked.request_id = _string(asked, argument, "requestId")
    participant = argument.get("participant")
    asked.participant_id = _string(asked, participant if isinstance(participant, dict) else {}, "id")
    asked.signature = argument.get("conversationSignature")
    start = argument.get("isStartOfSession")
    asked.require(isinstance(start, bool), "isStartOfSession is neither true nor false")
    asked.is_start = start is True
    asked.tone = argument.get("tone", "")
    asked.require(asked.tone in TONES, f"tone {asked.tone!r} does not exist")
    options = argument.get("optionsSets", [])
    asked.require(_are_strings(options), "optionsSets is not a list of strings")
    asked.options = [str(option) for option in options] if isinstance(options, list) else []
    asked.require(_are_strings(argument.get("allowedMessageTypes", [])), "allowedMessageTypes is not a list of strings")
    plugins = argument.get("plugins", [])
    asked.plugins = len(plugins) if isinstance(plugins, list) else 0
    asked.require(isinstance(plugins, list), "plugins is not a list")
    asked.require(
        not ("nosearchall" in asked.options and asked.plugins), "plugins are named though nothing is searched"
    )
    _read_previous(asked, argument.get("previousMessages"))
    message = argument.get("message")
    if isinstance(message, dict):
        _read_message(asked, message)
    else:
        asked.faults.append("message is not an object")


def _read_message(asked: Invocation, message: dict[str, Any]) -> None:
    asked.text = _string(asked, message, "text")
    asked.require(message.get("author") == "user", "message.author is not user")
    asked.require(message.get("messageType", "Chat") == "Chat", "message.messageType is not Chat")
    for name in ("requestId", "messageId"):
        asked.require(message.get(name, asked.request_id) == asked.request_id, f"message.{name} is not requestId")
    for name in ("imageUrl", "originalImageUrl"):
        if message.get(name) is not None:
            blob = parse_qs(urlsplit(str(message[name])).query).get("bcid", [""])[0]
            asked.require(bool(blob), f"message.{name} names no picture")
            asked.image = asked.image or blob


def _read_previous(asked: Invocation, previous: Any) -> None:
    """Read the history that came along, which the wire page knows of on a first turn only."""
    if not previous:
        asked.require(previous is None or previous == [], "previousMessages is neither null nor a list")
        return
    asked.require(asked.is_start, "previousMessages on a later turn")
    described = []
    for entry in previous if isinstance(previous, list) else [None]:
        if not isinstance(entry, dict):
            asked.faults.append("previousMessages holds what is not an object")
            continue
        asked.require(entry.get("author") in AUTHORS, "an earlier message's author is neither user nor system")
        asked.require(entry.get("contextType") in CONTEXTS, "an earlier message's contextType is unknown")
        asked.require(entry.get("messageType") == "Context", "an earlier message's messageType is not Context")
        described.append(_string(asked, entry, "description"))
    asked.system = "\n\n".join(described)


def check_place(asked: Invocation, conversation: SandboxConversation, token_for: str | None, era: int) -> None:
    """Check an invocation against its conversation and against the one for which the socket's token was made."""
    asked.require(asked.participant_id == conversation.client_id, "participant.id is not the conversation's clientId")
    first = conversation.invocations == 0
    asked.require(asked.is_start == first, f"isStartOfSession is {asked.is_start} on turn {conversation.invocations}")
    asked.require(not conversation.is_busy, "another turn of this conversation is still going on")
    if era == 1:
        asked.require(asked.signature == conversation.signature, "conversationSignature is not what was issued")
    else:
        asked.require(token_for == conversation.id, "the token is another conversation's")
        asked.require(
            asked.signature in (None, conversation.signature, conversation.token), "conversationSignature is not ours"
        )


def _string(asked: Invocation, fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        asked.faults.append(f"{name} is not a string")
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        asked.faults.append(f"{name} holds half a character")
        return value.encode(errors="replace").decode()
    return value


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
