"""What a turn asks for."""

from __future__ import annotations

import json
from typing import Any

from chat.protocol.events import Prompt, Said
from chat.protocol.m365 import TONES, UploadedImage
from chat.protocol.m365.invocation import build_question
from tests.chat.protocol.m365.turns import THREAD


def records(prompt: Prompt, *, turn: int = 0, has_search: bool = True, images: Any = ()) -> list[dict[str, Any]]:
    """The records of the one message, read back."""
    frame = build_question(
        THREAD, prompt, "Magic", turn=turn, request_id="r1", trace_id="t1", has_search=has_search, images=images
    )
    return [json.loads(record) for record in frame.split("\x1e") if record]


def test_the_invocation() -> None:
    """The conversation's own ids, ours for the turn, and the number that is always the first."""
    invocation, _ = records(Prompt("", (), "2+2?"), turn=3)
    assert (invocation["type"], invocation["target"], invocation["invocationId"]) == (4, "chat", "0")
    [argument] = invocation["arguments"]
    assert (argument["conversationId"], argument["sessionId"], argument["traceId"]) == ("c1", "s1", "t1")
    assert (argument["source"], argument["tone"], argument["isStartOfSession"]) == ("officeweb", "Magic", False)
    message = argument["message"]
    assert (message["text"], message["requestId"], message["author"]) == ("2+2?", "r1", "user")
    assert "messageAnnotations" not in message


def test_the_twin_has_times_without_a_clock() -> None:
    """Empty texts, which the service takes."""
    _, metrics = records(Prompt("", (), "?"))
    assert (metrics["type"], metrics["target"]) == (1, "Metrics")
    assert set(metrics["arguments"][0]["Timestamps"].values()) == {""}


def test_the_first_turn_takes_system_prompt_and_history_along() -> None:
    """There is no other way in; later turns have only the newest words."""
    prompt = Prompt("Be brief.", (Said("user", "Hi"), Said("assistant", "Hello")), "2+2?")
    first, later = records(prompt)[0]["arguments"][0], records(prompt, turn=1)[0]["arguments"][0]
    assert first["isStartOfSession"]
    assert first["message"]["text"].startswith("[system](#additional_instructions)\nBe brief.\n\n[user](#message)\nHi")
    assert later["message"]["text"] == "2+2?"


def test_search_is_a_plugin() -> None:
    """Without it the list is empty."""
    with_search, without = (
        records(Prompt("", (), "?"), has_search=has_search)[0]["arguments"][0]["plugins"]
        for has_search in (True, False)
    )
    assert with_search == [{"Id": "BingWebSearch", "Source": "BuiltIn"}]
    assert without == []


def test_pictures_are_annotations() -> None:
    """Each by its id, with name and kind."""
    [argument] = records(Prompt("", (), "?"), images=[UploadedImage("d1", "a.png", "png")])[0]["arguments"]
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


def test_the_tones() -> None:
    """The styles of Bing's have their old names here."""
    assert (TONES["m365"], TONES["precise"], TONES["m365-think"]) == ("Magic", "Precise", "Gpt_Reasoning")
