"""The events that ask a question."""

from __future__ import annotations

import json
from typing import Any

from chat.protocol.copilot.question import PING, REPORT_CONSENTS, SET_OPTIONS, build_send
from chat.protocol.events import Message, Prompt


def send(prompt: Prompt, *, turn: int = 0, image_urls: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the question, decoded."""
    read: dict[str, Any] = json.loads(build_send("c1", prompt, "smart", turn=turn, image_urls=image_urls))
    return read


def test_the_fixed_events() -> None:
    """Options and consents are sent byte for byte as they were seen."""
    assert SET_OPTIONS == '{"event":"setOptions","supportedFeatures":[],"supportedCards":[],"ads":null}'
    assert REPORT_CONSENTS == '{"event":"reportLocalConsents","grantedConsents":[]}'
    assert PING == '{"event":"ping"}'


def test_the_question() -> None:
    """It has the conversation, the mode, an empty context, and the text unchanged."""
    assert send(Prompt("", (), " é\u202e\x1e ")) == {
        "event": "send",
        "conversationId": "c1",
        "content": [{"type": "text", "text": " é\u202e\x1e "}],
        "mode": "smart",
        "context": {},
    }


def test_the_first_turn_includes_system_prompt_and_history() -> None:
    """There is no other channel; later turns have the new messages only."""
    prompt = Prompt("Be brief.", (Message("user", "Hi"), Message("assistant", "Hello")), "2+2?", lead=("And",))
    assert send(prompt)["content"][0]["text"] == (
        "[system](#additional_instructions)\nBe brief.\n\n[user](#message)\nHi\n\n[assistant](#message)\nHello\n\n"
        "[user](#message)\nAnd\n\n2+2?"
    )
    assert send(prompt, turn=1)["content"][0]["text"] == "And\n\n2+2?"


def test_pictures_precede_the_text() -> None:
    """Their addresses stay in order."""
    content = send(Prompt("", (), "?"), image_urls=("https://a.test/1", "https://a.test/2"))["content"]
    assert [part.get("url") for part in content] == ["https://a.test/1", "https://a.test/2", None]
    assert [part["type"] for part in content] == ["image", "image", "text"]
