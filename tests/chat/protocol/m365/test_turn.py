"""A turn with Microsoft 365 Copilot: every rule and trap of the wire page, by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.protocol import signalr
from chat.protocol.events import (
    Citations,
    Finished,
    ImageMade,
    ReasoningDelta,
    Searching,
    Source,
    Suggestions,
    TextDelta,
    Throttling,
)
from tests.chat.protocol.chathub.records import ACK, bot, record, update
from tests.chat.protocol.m365.turns import greeted, piece, progress, reply, sample, success
from tests.chat.protocol.playing import play, texts


def test_rule_the_question_and_its_twin_are_one_message() -> None:
    """After `{}` the invocation and its Metrics record go out together, once, and no ping with them."""
    turn = reply("2+2?")
    assert (turn.start(), turn.to_send()) == ([signalr.HANDSHAKE], [])
    assert turn.receive(ACK) == []
    [frame] = turn.to_send()
    invocation, metrics, rest = frame.split("\x1e")
    assert (json.loads(invocation)["type"], json.loads(invocation)["target"]) == (4, "chat")
    assert (json.loads(metrics)["type"], json.loads(metrics)["target"], rest) == (1, "Metrics", "")
    assert (turn.to_send(), turn.phase) == ([], "waiting")


def test_t13_a_short_answer() -> None:
    """Whole texts and pieces in turns become deltas without repetition."""
    events, code = play(reply(), [sample("short")])
    assert code == ""
    assert events == [
        Throttling(1, 600),
        TextDelta("Hel"),
        TextDelta("lo"),
        TextDelta(" you"),
        Finished("Hello you", "Hello you", retire=False),
    ]


def test_search_references_and_suggestions() -> None:
    """A searched turn tells its thoughts, the query, the sources and what to ask next; the marks in the text go."""
    events, code = play(reply(), [sample("search")])
    answer = "Tides follow the Moon 🌕."
    assert code == ""
    assert events == [
        ReasoningDelta("I look it up."),
        Searching("tides"),
        Throttling(1, 600),
        TextDelta("Tides follow"),
        TextDelta(" the Moon 🌕"),
        TextDelta("."),
        Citations((Source("Gezeiten 🌕", "https://ex.test/a"), Source("Moon", "https://ex.test/b"))),
        Suggestions(("Why two tides a day?",)),
        Finished(answer, answer, retire=False),
    ]


def test_t13_the_answer_may_come_with_the_end_only() -> None:
    """Some tenants stream nothing; the final record's message is the whole answer."""
    events, _ = play(reply(), [sample("final_only")])
    assert events[-2:] == [TextDelta("All at once."), Finished("All at once.", "All at once.", retire=False)]


def test_the_end_need_not_repeat_the_messages() -> None:
    """`result.message` alone is the answer, unlike with Bing; without it the last message is."""
    assert texts(play(greeted(), [success("4")])[0]) == ["4"]
    assert texts(play(greeted(), [success(None, bot("3"), bot("4"))])[0]) == ["4"]
    assert texts(play(greeted(), [piece("4"), success(None)])[0]) == ["4"]


def test_text_may_come_by_pieces_only() -> None:
    """Some tenants send no whole text but the last."""
    events, _ = play(greeted(), [piece("Hel"), piece("lo"), success("Hello")])
    assert events == [TextDelta("Hel"), TextDelta("lo"), Finished("Hello", "Hello", retire=False)]


@pytest.mark.parametrize("kind", ["Progress", "GeneratedCode", "ReferencesListComplete"])
def test_trap_pieces_beside_a_tools_message_are_not_the_answers(kind: str) -> None:
    """They belong to the message they come with."""
    events, _ = play(greeted(), [piece("print(1)", bot("print(1)", messageType=kind)), piece("4"), success("4")])
    assert texts(events) == ["4"]


def test_a_piece_beside_the_text_it_is_in_already() -> None:
    """It goes out once; one that is not in it goes out behind it."""
    frames = [piece("lo", bot("Hello")), piece("!", bot("Hello")), success("Hello!")]
    assert texts(play(greeted(), frames)[0]) == ["Hello", "!"]


def test_rule_a_text_that_starts_over_is_ignored() -> None:
    """A whole text that is behind the pieces gives nothing."""
    frames = [piece("Hello wor"), update(bot("Hello")), update(bot("Hello world")), success("Hello world")]
    assert texts(play(greeted(), frames)[0]) == ["Hello wor", "ld"]


def test_rule_a_rewritten_text_is_the_answer_at_the_end() -> None:
    """What is out stays; the end tells both, whether the final record says so or a shell closes the stream."""
    for end in (success("Help me"), success(None), record(type=3)):
        events, _ = play(greeted(), [piece("Hello"), update(bot("Help me")), end])
        assert events == [TextDelta("Hello"), Finished("Help me", "Hello", retire=False)]


def test_the_final_text_that_goes_on_wins() -> None:
    """When `result.message` is something else, the message that extends what is out is the answer."""
    events, _ = play(greeted(), [piece("Bake"), success("Cake recipe", bot("Bake it."))])
    assert events[1:] == [TextDelta(" it."), Finished("Bake it.", "Bake it.", retire=False)]


def test_a_picture() -> None:
    """It is announced without an address, told twice and shown once; the text beside it is the answer."""
    events, _ = play(reply(), [sample("image")])
    assert events == [
        ImageMade("https://ex.test/apple.png", ""),
        TextDelta("Here it is."),
        Throttling(1, 600),
        Finished("Here it is.", "Here it is.", retire=False),
    ]


def test_a_picture_alone_is_an_answer() -> None:
    """No text is needed beside it, however the turn ends."""
    made = progress(contentGenerationProgressList=[{"ImageReferenceUrls": ["https://ex.test/a.png"]}])
    for end in (success(""), record(type=3)):
        turn = greeted()
        events, code = play(turn, [update(made), end])
        assert (events[0], code, turn.has_text) == (ImageMade("https://ex.test/a.png", ""), "", True)


def test_thoughts_grow_and_follow_each_other() -> None:
    """A thought that comes again gives its tail, a rewritten or odd one nothing; another begins on a new line."""

    def thought(text: Any, message_id: str = "t1") -> str:
        return update(bot(text, messageId=message_id, contentOrigin="ChainOfThoughtSummary"))

    frames = [thought("I add"), thought("I add."), thought("I add."), thought("No"), thought(None), thought("", "t2"),
              thought("Done.", "t2"), success("4")]  # fmt: skip
    events, _ = play(greeted(), frames)
    assert events[:-2] == [ReasoningDelta("I add"), ReasoningDelta("."), ReasoningDelta("\n\nDone.")]
    assert texts(events) == ["4"]


def test_a_search_is_told_once() -> None:
    """Updates repeat it, and so may the end."""
    searching = progress(contentType="SearchResults", searchQueries=["tides", "", 7])
    events, _ = play(greeted(), [update(searching), update(searching), success("4", searching, bot("4"))])
    assert events[:-2] == [Searching("tides")]


def test_references_may_stand_beside_the_messages() -> None:
    """In the update itself, on the message, and on the last message; in the order of their numbers."""

    def source(name: str) -> dict[str, str]:
        return {"targetLink": f"https://ex.test/{name}"}

    frames = [update(references={"2-b": source("b")}), update(bot("4", references={"10-c": source("c")})),
              success("4", bot("4", references={"1-a": source("a")}))]  # fmt: skip
    events, _ = play(greeted(), frames)
    assert events[-2] == Citations(tuple(Source(f"https://ex.test/{x}", f"https://ex.test/{x}") for x in "abc"))


def test_the_users_echo_is_skipped() -> None:
    """The echo of the question is no answer."""
    echo = {"text": "2+2?", "author": "user", "contentOrigin": "officeweb"}
    assert texts(play(greeted(), [update(echo), success("4", echo, bot("4"))])[0]) == ["4"]


def test_row_21_unknown_kinds_are_skipped_and_counted() -> None:
    """Targets, types and message types nobody knows, and garbage, do not end a turn; the end counts them."""
    strange = [
        "garbage\x1e", record(type=1, target="other"), record(type=99), record(type=2, item=None),
        record(type=2, item={"result": {}}), update(bot("x", messageType="SomethingNew")),
        update(bot("x", messageType=["odd"])),
    ]  # fmt: skip
    known = [update(bot("x", messageType="InternalLoaderMessage")), update(progress(contentType=["odd"]))]
    events, code = play(greeted(), [*strange, *known, success("4")])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False, skipped=7)], "")


@pytest.mark.parametrize("value", [None, 7, ["x"]])
def test_text_of_another_kind_is_passed_over(value: Any) -> None:
    """In a message, at the cursor, and at the end."""
    events, _ = play(greeted(), [update(bot(value)), piece(value), piece("4"), success(value, bot(value))])
    assert texts(events) == ["4"]


def test_meters_at_nothing_are_named() -> None:
    """The services can see what the account has used up."""
    turn = greeted()
    metering = {"LLMOnly": {"remainingAllowance": 9}, "ImageGeneration": {"remainingAllowance": 0}}
    play(turn, [update(throttling={"metering": metering}), success("4")])
    assert turn.exhausted == ("ImageGeneration",)


def test_a_character_cut_between_two_pieces() -> None:
    """Its halves are joined; a whole text in between has it whole, or not at all."""
    frames = [
        piece("Moon \ud83c"),
        piece("\udf15"),
        update(bot("Moon \U0001f315 \ud83c")),
        success("Moon \U0001f315 ok"),
    ]
    assert texts(play(greeted(), frames)[0]) == ["Moon ", "\U0001f315", " ", "ok"]
    frames = [piece("Moon \ud83c"), update(bot("Moon \U0001f315")), success("Moon \U0001f315")]
    assert texts(play(greeted(), frames)[0]) == ["Moon ", "\U0001f315"]
