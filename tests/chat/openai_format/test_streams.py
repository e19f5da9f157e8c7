"""Streams: each line is a chunk, the shared part stays the same, the end is in order."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest

from chat.openai_format import Stream, Truncation
from chat.protocol.events import (
    Citations,
    Event,
    Finished,
    Prompt,
    ReasoningDelta,
    Refused,
    Searching,
    ServedBy,
    Source,
    Sources,
    Suggestions,
    TextDelta,
)

PROMPT = Prompt("", (), "1234")
A = Source("Tide basics", "https://ex.test/a")
END = Finished("The Moon", "The Moon", retire=False)


def stream(**options: Any) -> Stream:
    """Return a stream with an id, a time and a model."""
    return Stream("chatcmpl-1", 1_700_000_000, "precise", prompt=PROMPT, **options)


def chunks(lines: bytes) -> list[Any]:
    """Return the lines as a client that splits text reads them; `[DONE]` stays a word."""
    response = httpx.Response(200, content=lines)
    bodies = [line.removeprefix("data: ") for line in response.iter_lines() if line]
    assert lines == b"".join(f"data: {body}\n\n".encode() for body in bodies)
    return [body if body == "[DONE]" else json.loads(body) for body in bodies]


def deltas(lines: bytes) -> list[Any]:
    """Return the deltas of some lines, with the finish reason if there is one."""
    found = []
    for chunk in chunks(lines):
        if chunk == "[DONE]":
            found.append(chunk)
            continue
        (choice,) = chunk.pop("choices")
        assert chunk == {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "precise",
            "system_fingerprint": None,
        }
        assert (choice["index"], choice["logprobs"]) == (0, None)
        found.append(choice["finish_reason"] or choice["delta"])
        assert not (choice["finish_reason"] and choice["delta"])
    return found


def run(target: Stream, *events: Event) -> bytes:
    """Return a whole stream."""
    return target.start() + b"".join(target.add(event) for event in events)


def test_a_whole_stream() -> None:
    """Role, texts, an empty delta with the reason, `[DONE]`."""
    target = stream()
    lines = run(target, Searching("tides"), TextDelta("The "), TextDelta("Moon"), END)
    assert deltas(lines) == [
        {"role": "assistant", "content": ""}, {"content": "The "}, {"content": "Moon"}, "stop", "[DONE]",
    ]  # fmt: skip
    assert target.is_ended


def test_sources_and_suggestions_come_before_the_end() -> None:
    """In one chunk of their own; events that show nothing have no line."""
    target = stream()
    assert target.add(Sources("tides", (A,))) == b""
    assert target.add(Citations((A,))) == b""
    lines = run(target, TextDelta("The Moon[^1^]"), Suggestions(("Why?",)), END)
    extras = deltas(lines)[2]
    assert extras["suggested_responses"] == ["Why?"]
    assert extras["annotations"][0]["url_citation"] == {
        "start_index": 8,
        "end_index": 13,
        "title": A.title,
        "url": A.url,
    }
    alone = run(stream(), TextDelta("x"), Suggestions(("Why?",)), END)
    assert deltas(alone)[2] == {"suggested_responses": ["Why?"]}


def test_inline_extras_are_content() -> None:
    """The search is shown when it is found, the suggestions at the end."""
    lines = run(stream(inline_extras=True), Sources("tides", (A,)), TextDelta("x"), Suggestions(("Why?",)), END)
    content = "".join(delta.get("content", "") for delta in deltas(lines) if isinstance(delta, dict))
    assert content.startswith("<details>")
    assert content.endswith("- Why?")


def test_usage_is_sent_if_asked_for() -> None:
    """One chunk without choices at the end, and `usage: null` in all others; else neither."""
    target = stream(include_usage=True)
    read = chunks(run(target, TextDelta("12345678"), END) + target.keepalive())
    assert [chunk["usage"] for chunk in read if chunk != "[DONE]" and chunk["choices"]] == [None] * 4
    (counted,) = [chunk for chunk in read if chunk != "[DONE]" and not chunk["choices"]]
    assert counted["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert counted["id"] == "chatcmpl-1"
    assert read.index(counted) == len(read) - 3
    assert all("usage" not in chunk for chunk in chunks(run(stream(), END)) if chunk != "[DONE]")


def test_a_keepalive_is_an_empty_chunk() -> None:
    """A client that parses every line as a chunk needs no special case."""
    (chunk,) = chunks(stream().keepalive())
    assert chunk["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}]


def test_truncation_ends_the_stream() -> None:
    """The closing lines come with the event that fills the answer."""
    target = stream(truncation=Truncation((), 1))
    assert deltas(target.add(TextDelta("12345678"))) == [{"content": "1234"}, "length", "[DONE]"]
    assert target.is_ended
    assert target.truncated_answer() == "1234"
    stopped = stream(truncation=Truncation(("END",)))
    assert stopped.add(TextDelta("E")) == b""
    assert stopped.truncated_answer() is None
    assert deltas(stopped.add(TextDelta("ND"))) == ["stop", "[DONE]"]
    assert stopped.truncated_answer() == ""


def test_a_refusal_ends_with_content_filter() -> None:
    """Its text is content if there was none, and is not sent otherwise."""
    end = Finished("", "", retire=True)
    before = run(stream(), Refused("Sorry.", "apology", after_text=False), end)
    assert deltas(before)[1:] == [{"content": "Sorry."}, "content_filter", "[DONE]"]
    after = run(stream(), TextDelta("First"), Refused("Sorry.", "apology", after_text=True), end)
    assert deltas(after)[1:] == [{"content": "First"}, "content_filter", "[DONE]"]


def test_chunks_name_the_back_end() -> None:
    """Also another one that takes over."""
    answer = stream()
    seen = []
    for name in ("copilot", "m365"):
        assert answer.add(ServedBy(name)) == b""
        seen += chunks(answer.start() + answer.add(TextDelta("a")))
    assert [chunk["system_fingerprint"] for chunk in seen] == ["copilot", "copilot", "m365", "m365"]
    assert answer.canonical_answer() is None


def test_reasoning_is_no_content() -> None:
    """It has a key of its own."""
    assert deltas(stream().add(ReasoningDelta("Hm"))) == [{"reasoning_content": "Hm"}]


class ErrorLine(msgspec.Struct):
    """Stands for the body that every error has."""

    message: str


def test_an_error_ends_the_stream_without_done() -> None:
    """One line has the body that every error has."""
    target = stream()
    assert target.error(ErrorLine("m\u2028")) == b'data: {"message":"m\\u2028"}\n\n'
    assert target.is_ended


@pytest.mark.parametrize(
    "text",
    ["a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\r\nh", "\u05e9\u202e\u0301", '"\\/\x7f\ufeff', "\U0001f469\u200d\U0001f467"],
)
def test_text_is_exact_and_stays_on_one_line(text: str) -> None:
    """Characters that many clients treat as line ends are escaped; all others are unchanged."""
    assert deltas(stream().add(TextDelta(text))) == [{"content": text}]


def test_ids_and_models_are_escaped() -> None:
    """A model's name from a caller cannot break the line."""
    line = Stream('a"b', 1, 'm"\u2028\n', prompt=PROMPT).start()
    (chunk,) = chunks(line)
    assert (chunk["id"], chunk["model"]) == ('a"b', 'm"\u2028\n')
