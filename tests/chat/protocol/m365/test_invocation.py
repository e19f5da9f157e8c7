"""The question of a turn."""

from __future__ import annotations

import json
from typing import Any

from chat.protocol.events import Message, Prompt
from chat.protocol.m365 import M365Image
from chat.protocol.m365.invocation import build_question
from tests.chat.protocol.m365.turns import THREAD


def records(prompt: Prompt, *, turn: int = 0, has_search: bool = True, images: Any = ()) -> list[dict[str, Any]]:
    """Return the records of the one frame, decoded."""
    frame = build_question(
        THREAD, prompt, "Magic", turn=turn, request_id="r1", trace_id="t1", has_search=has_search, images=images
    )
    return [json.loads(record) for record in frame.split("\x1e") if record]


def test_the_invocation() -> None:
    """It has the conversation's ids, the turn's ids, and always the number "0"."""
    invocation, _ = records(Prompt("", (), "2+2?"), turn=3)
    assert (invocation["type"], invocation["target"], invocation["invocationId"]) == (4, "chat", "0")
    [argument] = invocation["arguments"]
    assert (argument["conversationId"], argument["sessionId"], argument["traceId"]) == ("c1", "s1", "t1")
    assert (argument["source"], argument["tone"], argument["isStartOfSession"]) == ("officeweb", "Magic", False)
    message = argument["message"]
    assert (message["text"], message["requestId"], message["author"]) == ("2+2?", "r1", "user")
    assert "messageAnnotations" not in message


def test_the_metrics_record_has_empty_times() -> None:
    """The service accepts them."""
    _, metrics = records(Prompt("", (), "?"))
    assert (metrics["type"], metrics["target"]) == (1, "Metrics")
    assert set(metrics["arguments"][0]["Timestamps"].values()) == {""}


def test_the_first_turn_includes_system_prompt_and_history() -> None:
    """There is no other channel; later turns have the new messages only."""
    prompt = Prompt("Be brief.", (Message("user", "Hi"), Message("assistant", "Hello")), "2+2?")
    first, later = records(prompt)[0]["arguments"][0], records(prompt, turn=1)[0]["arguments"][0]
    assert first["isStartOfSession"]
    assert first["message"]["text"].startswith("[system](#additional_instructions)\nBe brief.\n\n[user](#message)\nHi")
    assert later["message"]["text"] == "2+2?"


def test_search_is_a_plugin() -> None:
    """Without search the list is empty."""
    with_search, without = (
        records(Prompt("", (), "?"), has_search=has_search)[0]["arguments"][0]["plugins"]
        for has_search in (True, False)
    )
    assert with_search == [{"Id": "BingWebSearch", "Source": "BuiltIn"}]
    assert without == []


def test_pictures_are_annotations() -> None:
    """Each has its id, name and type."""
    [argument] = records(Prompt("", (), "?"), images=[M365Image("d1", "a.png", "png")])[0]["arguments"]
    assert argument["message"]["messageAnnotations"] == [
        {
            "id": "d1",
            "messageAnnotationType": "ImageFile",
            "messageAnnotationMetadata": {
                "@type": "File",
                "annotationType": "File",
                "fileType": "png",
                "fileName": "a.png",
            },
        }
    ]
