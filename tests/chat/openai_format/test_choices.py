"""One answer gathered from events, and the completion around it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from chat.openai_format import Choice, Cut, completion
from chat.openai_format.choices import REFUSAL_TEXT
from chat.openai_format.extras import write_search, write_suggestions
from chat.protocol.events import (
    Citations,
    Event,
    Finished,
    HistoryDropped,
    ImageMade,
    Prompt,
    ReasoningDelta,
    Refused,
    Said,
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


def gather(events: Iterable[Event], cut: Cut | None = None, *, inline: bool = False) -> tuple[Choice, str]:
    """A choice with some events, and what it said to show."""
    choice = Choice(0, cut, inline_extras=inline)
    return choice, "".join([choice.add(event) for event in events])


def test_a_cut_answer_is_what_was_shown_without_extras() -> None:
    """As the next request repeats it; an answer that ended by itself, or was refused, was not cut."""
    searched: list[Event] = [Sources("tides", (A,)), TextDelta("The Moon. And"), TextDelta(" more")]
    choice, shown = gather(searched, Cut(stops=(" And",)), inline=True)
    assert shown == write_search("tides", [A]) + "The Moon."
    assert choice.cut_answer() == "The Moon."
    assert gather(SEARCHED)[0].cut_answer() is None
    assert gather([TextDelta("The")], Cut(stops=("Moon",)))[0].cut_answer() is None
    withheld: list[Event] = [TextDelta("12345678"), Refused("", "apology", after_text=True)]
    refused, shown = gather(withheld, Cut(stops=("9",), max_tokens=2))
    assert (shown, refused.finish_reason, refused.cut_answer()) == ("12345678", "content_filter", None)


def test_a_refusal_is_told_to_its_end_though_the_limit_is_reached() -> None:
    """What was held back goes over the limit when it is let out: still a refusal, and not full."""
    choice, shown = gather([TextDelta("1234567[END"), Refused("", "apology", after_text=True)], Cut(("[END]",), 2))
    assert shown == "1234567["
    assert (choice.is_full, choice.finish_reason) == (False, "content_filter")


def test_a_searched_answer() -> None:
    """Text is content; sources and suggestions stand beside it."""
    choice, shown = gather(SEARCHED)
    message = choice.message()
    assert shown == message["content"] == "The Moon[^1^]"
    assert message == {
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
    """The search stands before the text and the suggestions after it; the annotation's place moves along."""
    choice, shown = gather(SEARCHED, inline=True)
    assert shown == choice.content == write_search("tides", [A]) + "The Moon[^1^]" + write_suggestions(["Why?"])
    (annotation,) = choice.annotations()
    start, end = annotation["url_citation"]["start_index"], annotation["url_citation"]["end_index"]
    assert choice.content[start:end] == "[^1^]"


def test_a_rewritten_text_replaces_what_was_gathered() -> None:
    """A whole answer is given as it finally stands, with extras kept; a streamed one cannot be."""
    events = (Sources("q", (A,)), TextDelta("Hello wor"), Finished("Help me", "Hello wor", retire=False))
    assert gather(events)[0].content == "Help me"
    assert gather(events, inline=True)[0].content == write_search("q", [A]) + "Help me"
    streamed = Choice(is_streamed=True)
    for event in events:
        streamed.add(event)
    assert streamed.content == "Hello wor"


def test_a_rewritten_text_is_cut_anew() -> None:
    """The cut belongs to the text that is given."""
    events = (TextDelta("Hello wor"), Finished("Help me END out", "Hello wor", retire=False))
    choice, _ = gather(events, Cut(("END",)))
    assert (choice.content, choice.finish_reason) == ("Help me ", "stop")


@pytest.mark.parametrize(
    ("cut", "content", "reason", "is_full"),
    [
        (Cut(("Moon",)), "The ", "stop", True),
        (Cut((), 1), "The ", "length", True),
        (Cut(("]!",)), "The Moon[^1^]", "stop", False),
    ],
)
def test_cuts_end_an_answer(cut: Cut, content: str, reason: str, is_full: bool) -> None:
    """A choice that is full says so, and shows no suggestions for what was not shown."""
    choice, _ = gather(SEARCHED, cut, inline=True)
    assert choice.content.removeprefix(write_search("tides", [A])).removesuffix(write_suggestions(["Why?"])) == content
    assert (choice.finish_reason, choice.is_full) == (reason, is_full)
    assert choice.content.endswith("Why?") is not is_full


@pytest.mark.parametrize(("text", "content"), [("Sorry.", "Sorry."), ("", REFUSAL_TEXT.format("Bing"))])
def test_a_refusal_before_text_is_its_words(text: str, content: str) -> None:
    """Bing's own, or ours when it has none; no sources, and never an empty answer."""
    events = (Sources("q", (A,)), Refused(text, "disengaged", after_text=False), Finished("", "", retire=True))
    choice, _ = gather(events)
    assert (choice.content, choice.finish_reason, choice.annotations()) == (content, "content_filter", [])
    assert choice.told_answer() == content


def test_a_refusal_without_words_names_who_refused() -> None:
    """The back end that answered last, in its own name."""
    events = (ServedBy("bing-sydney"), ServedBy("m365", voice="Microsoft 365 Copilot"))
    choice, shown = gather((*events, Refused("", "disengaged", after_text=False)))
    assert shown == choice.content == "Microsoft 365 Copilot declined to answer this message."


def test_a_refusal_after_text_keeps_the_text() -> None:
    """What was held back for a stop text is shown as well; the final text does not replace anything."""
    events = (
        TextDelta("First E"),
        Refused("Sorry.", "apology", after_text=True),
        Finished("x", "First E", retire=False),
    )
    choice, _ = gather(events, Cut(("END",)))
    assert (choice.content, choice.finish_reason) == ("First E", "content_filter")
    assert choice.told_answer() == "First E"


def test_reasoning_and_pictures() -> None:
    """Thoughts stand beside the content, pictures within it as Markdown, also when the text is rewritten."""
    events = (ReasoningDelta("Hm"), ReasoningDelta("m."), TextDelta("See"), ImageMade("https://ex.test/i", "a moon"))
    end = Finished("Look", "See", retire=False)
    choice, shown = gather((*events, Finished("See", "See", retire=False)))
    assert shown == "See\n\n![a moon](https://ex.test/i)\n\n"
    assert choice.message()["reasoning_content"] == "Hmm."
    rewritten = gather((*events, end))[0]
    assert rewritten.content == rewritten.told_answer() == "Look\n\n![a moon](https://ex.test/i)\n\n"
    (note,) = rewritten.annotations()
    cited = note["url_citation"]
    assert rewritten.content[cited["start_index"] : cited["end_index"]] == "![a moon](https://ex.test/i)"
    assert (cited["title"], cited["url"]) == ("a moon", "https://ex.test/i")
    assert gather((TextDelta("See"), Finished("See", "See", retire=False)))[0].told_answer() is None


def test_who_answered_is_the_completions_fingerprint() -> None:
    """The last choice's; none without a choice."""
    choice, _ = gather((ServedBy("m365"), TextDelta("See")))
    assert completion("c", 1, "precise", [choice], Prompt("", (), "x"))["system_fingerprint"] == "m365"
    assert completion("c", 1, "precise", [], Prompt("", (), "x"))["system_fingerprint"] is None


def test_a_completion() -> None:
    """Exactly OpenAI's keys; usage is an estimate over all that was said, and its sum is right."""
    prompt = Prompt("1234", (Said("user", "5678"),), "9012")
    first, second = Choice(0), Choice(1)
    first.add(TextDelta("12345678"))
    second.add(ReasoningDelta("1234"))
    second.add(Refused("1234", "apology", after_text=False))
    body = completion("chatcmpl-1", 1_700_000_000, "precise", [first, second], prompt)
    assert body == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "precise",
        "system_fingerprint": None,
        "choices": [
            {"index": 0, "message": first.message(), "logprobs": None, "finish_reason": "stop"},
            {"index": 1, "message": second.message(), "logprobs": None, "finish_reason": "content_filter"},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
