"""One answer collected from events, and the completion with it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec import to_builtins

from chat.openai_format import Choice, Truncation, completion
from chat.openai_format.annotations import write_search, write_suggestions
from chat.openai_format.choices import REFUSAL_TEXT
from chat.protocol.events import (
    Citations,
    Event,
    Finished,
    HistoryDropped,
    ImageMade,
    Message,
    Prompt,
    ReasoningDelta,
    Refused,
    Searching,
    ServedBy,
    Source,
    Sources,
    Suggestions,
    TextDelta,
    Throttling,
)

A = Source("Tide basics", "https://ex.test/a")
SEARCHED: tuple[Event, ...] = (
    HistoryDropped(1),
    Throttling(1, 30),
    Searching("tides"),
    Sources("tides", (A,)),
    TextDelta("The "),
    TextDelta("Moon[^1^]"),
    Citations((A,)),
    Suggestions(("Why?",)),
    Finished("The Moon[^1^]", "The Moon[^1^]", retire=False),
)


def gather(
    events: Iterable[Event], truncation: Truncation | None = None, *, inline: bool = False
) -> tuple[Choice, str]:
    """Return a choice with these events, and the text that it returned for them."""
    choice = Choice(0, truncation, inline_extras=inline)
    return choice, "".join([choice.add(event) for event in events])


def test_a_truncated_answer_is_the_shown_text_without_inline_blocks() -> None:
    """The next request repeats it so; an answer that ended by itself or was refused is not truncated."""
    searched: list[Event] = [Sources("tides", (A,)), TextDelta("The Moon. And"), TextDelta(" more")]
    choice, shown = gather(searched, Truncation(stops=(" And",)), inline=True)
    assert shown == write_search("tides", [A]) + "The Moon."
    assert choice.truncated_answer() == "The Moon."
    assert gather(SEARCHED)[0].truncated_answer() is None
    assert gather([TextDelta("The")], Truncation(stops=("Moon",)))[0].truncated_answer() is None
    withheld: list[Event] = [TextDelta("12345678"), Refused("", "apology", after_text=True)]
    refused, shown = gather(withheld, Truncation(stops=("9",), max_tokens=2))
    assert (shown, refused.finish_reason, refused.truncated_answer()) == ("12345678", "content_filter", None)


def test_a_refusal_is_shown_to_its_end_above_the_limit() -> None:
    """Waiting text that exceeds the limit is sent: still a refusal, and not full."""
    choice, shown = gather(
        [TextDelta("1234567[END"), Refused("", "apology", after_text=True)], Truncation(("[END]",), 2)
    )
    assert shown == "1234567["
    assert (choice.is_full, choice.finish_reason) == (False, "content_filter")


def test_a_searched_answer() -> None:
    """Text is content; sources and suggestions have fields of their own."""
    choice, shown = gather(SEARCHED)
    message = choice.message()
    assert shown == message.content == "The Moon[^1^]"
    assert to_builtins(message) == {
        "role": "assistant",
        "content": "The Moon[^1^]",
        "refusal": None,
        "annotations": [
            {
                "type": "url_citation",
                "url_citation": {"start_index": 8, "end_index": 13, "title": A.title, "url": A.url},
            }
        ],
        "suggested_responses": ["Why?"],
    }
    assert choice.finish_reason == "stop"


def test_inline_extras() -> None:
    """The search precedes the text and the suggestions follow it; annotations move with the text."""
    choice, shown = gather(SEARCHED, inline=True)
    assert shown == choice.content == write_search("tides", [A]) + "The Moon[^1^]" + write_suggestions(["Why?"])
    (annotation,) = choice.annotations()
    start, end = annotation.url_citation.start_index, annotation.url_citation.end_index
    assert choice.content[start:end] == "[^1^]"


def test_a_rewritten_text_replaces_the_streamed_one() -> None:
    """A whole answer has the final text, with inline blocks kept; a streamed one cannot change."""
    events = (Sources("q", (A,)), TextDelta("Hello wor"), Finished("Help me", "Hello wor", retire=False))
    assert gather(events)[0].content == "Help me"
    assert gather(events, inline=True)[0].content == write_search("q", [A]) + "Help me"
    streamed = Choice(is_streamed=True)
    for event in events:
        streamed.add(event)
    assert streamed.content == "Hello wor"


def test_a_rewritten_text_is_truncated_again() -> None:
    """The limit applies to the text that is shown."""
    events = (TextDelta("Hello wor"), Finished("Help me END out", "Hello wor", retire=False))
    choice, _ = gather(events, Truncation(("END",)))
    assert (choice.content, choice.finish_reason) == ("Help me ", "stop")


@pytest.mark.parametrize(
    ("truncation", "content", "reason", "is_full"),
    [
        (Truncation(("Moon",)), "The ", "stop", True),
        (Truncation((), 1), "The ", "length", True),
        (Truncation(("]!",)), "The Moon[^1^]", "stop", False),
    ],
)
def test_truncation_ends_an_answer(truncation: Truncation, content: str, reason: str, is_full: bool) -> None:
    """A full choice says so, and shows no suggestions for text that was not shown."""
    choice, _ = gather(SEARCHED, truncation, inline=True)
    assert choice.content.removeprefix(write_search("tides", [A])).removesuffix(write_suggestions(["Why?"])) == content
    assert (choice.finish_reason, choice.is_full) == (reason, is_full)
    assert choice.content.endswith("Why?") is not is_full


@pytest.mark.parametrize(("text", "content"), [("Sorry.", "Sorry."), ("", REFUSAL_TEXT.format("Bing"))])
def test_a_refusal_before_text_is_the_content(text: str, content: str) -> None:
    """Bing's text, or a default; no sources, and never an empty answer."""
    events = (Sources("q", (A,)), Refused(text, "disengaged", after_text=False), Finished("", "", retire=True))
    choice, _ = gather(events)
    assert (choice.content, choice.finish_reason, choice.annotations()) == (content, "content_filter", [])
    assert choice.canonical_answer() == content


def test_a_refusal_without_a_text_names_the_back_end() -> None:
    """The one that answered last, by its display name."""
    events = (ServedBy("bing-sydney"), ServedBy("m365", display_name="Microsoft 365 Copilot"))
    choice, shown = gather((*events, Refused("", "disengaged", after_text=False)))
    assert shown == choice.content == "Microsoft 365 Copilot declined to answer this message."


def test_a_refusal_after_text_keeps_the_text() -> None:
    """Text that waited for a stop sequence is shown as well; the final text replaces nothing."""
    events = (
        TextDelta("First E"),
        Refused("Sorry.", "apology", after_text=True),
        Finished("x", "First E", retire=False),
    )
    choice, _ = gather(events, Truncation(("END",)))
    assert (choice.content, choice.finish_reason) == ("First E", "content_filter")
    assert choice.canonical_answer() == "First E"


def test_reasoning_and_pictures() -> None:
    """Reasoning has a field of its own; pictures are Markdown in the content, also if the text is rewritten."""
    events = (ReasoningDelta("Hm"), ReasoningDelta("m."), TextDelta("See"), ImageMade("https://ex.test/i", "a moon"))
    end = Finished("Look", "See", retire=False)
    choice, shown = gather((*events, Finished("See", "See", retire=False)))
    assert shown == "See\n\n![a moon](https://ex.test/i)\n\n"
    assert choice.message().reasoning_content == "Hmm."
    rewritten = gather((*events, end))[0]
    assert rewritten.content == rewritten.canonical_answer() == "Look\n\n![a moon](https://ex.test/i)\n\n"
    (note,) = rewritten.annotations()
    cited = note.url_citation
    assert rewritten.content[cited.start_index : cited.end_index] == "![a moon](https://ex.test/i)"
    assert (cited.title, cited.url) == ("a moon", "https://ex.test/i")
    assert gather((TextDelta("See"), Finished("See", "See", retire=False)))[0].canonical_answer() is None


def test_the_fingerprint_names_the_back_end() -> None:
    """That of the last choice; none without a choice."""
    choice, _ = gather((ServedBy("m365"), TextDelta("See")))
    assert completion("c", 1, "precise", [choice], Prompt("", (), "x")).system_fingerprint == "m365"
    assert completion("c", 1, "precise", [], Prompt("", (), "x")).system_fingerprint is None


def test_a_completion() -> None:
    """It has exactly OpenAI's keys; usage is an estimate over all texts, and its sum is right."""
    prompt = Prompt("1234", (Message("user", "5678"),), "9012")
    first, second = Choice(0), Choice(1)
    first.add(TextDelta("12345678"))
    second.add(ReasoningDelta("1234"))
    second.add(Refused("1234", "apology", after_text=False))
    body = completion("chatcmpl-1", 1_700_000_000, "precise", [first, second], prompt)
    assert to_builtins(body) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "precise",
        "system_fingerprint": None,
        "choices": [
            {"index": 0, "message": to_builtins(first.message()), "logprobs": None, "finish_reason": "stop"},
            {"index": 1, "message": to_builtins(second.message()), "logprobs": None, "finish_reason": "content_filter"},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
