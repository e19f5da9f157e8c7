"""A turn with Microsoft 365 Copilot: each rule and trap of docs/wire/m365.md by its name."""

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
from tests.chat.protocol.m365.turns import greeted, new_turn, piece, progress, sample, success
from tests.chat.protocol.playing import play, texts


def test_rule_question_and_metrics_are_one_frame() -> None:
    """They are sent together after `{}`, once and without a ping."""
    turn = new_turn("2+2?")
    assert (turn.start(), turn.to_send()) == ([signalr.HANDSHAKE], [])
    assert turn.receive(ACK) == []
    [frame] = turn.to_send()
    invocation, metrics, rest = frame.split("\x1e")
    assert (json.loads(invocation)["type"], json.loads(invocation)["target"]) == (4, "chat")
    assert (json.loads(metrics)["type"], json.loads(metrics)["target"], rest) == (1, "Metrics", "")
    assert (turn.to_send(), turn.phase) == ([], "waiting")


def test_t13_a_short_answer() -> None:
    """Whole texts and pieces become deltas without repetition."""
    events, code = play(new_turn(), [sample("short")])
    assert code == ""
    assert events == [
        Throttling(1, 600),
        TextDelta("Hel"),
        TextDelta("lo"),
        TextDelta(" you"),
        Finished("Hello you", "Hello you", retire=False),
    ]


def test_search_references_and_suggestions() -> None:
    """A searched turn gives reasoning, query, sources and suggestions; marks are removed from the text."""
    events, code = play(new_turn(), [sample("search")])
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
    """Some tenants stream nothing: the final record's message is the whole answer."""
    events, _ = play(new_turn(), [sample("final_only")])
    assert events[-2:] == [TextDelta("All at once."), Finished("All at once.", "All at once.", retire=False)]


def test_the_end_need_not_repeat_the_messages() -> None:
    """`result.message` alone is the answer, unlike Bing's; without it the last message is."""
    assert texts(play(greeted(), [success("4")])[0]) == ["4"]
    assert texts(play(greeted(), [success(None, bot("3"), bot("4"))])[0]) == ["4"]
    assert texts(play(greeted(), [piece("4"), success(None)])[0]) == ["4"]


def test_text_may_come_by_pieces_only() -> None:
    """Some tenants send only the last whole text."""
    events, _ = play(greeted(), [piece("Hel"), piece("lo"), success("Hello")])
    assert events == [TextDelta("Hel"), TextDelta("lo"), Finished("Hello", "Hello", retire=False)]


@pytest.mark.parametrize("kind", ["Progress", "GeneratedCode", "ReferencesListComplete"])
def test_trap_pieces_beside_a_tools_message_are_not_the_answers(kind: str) -> None:
    """They belong to the message beside them."""
    events, _ = play(greeted(), [piece("print(1)", bot("print(1)", messageType=kind)), piece("4"), success("4")])
    assert texts(events) == ["4"]


def test_a_piece_beside_a_text_that_includes_it_is_sent_once() -> None:
    """One that is not included is sent after it."""
    frames = [piece("lo", bot("Hello")), piece("!", bot("Hello")), success("Hello!")]
    assert texts(play(greeted(), frames)[0]) == ["Hello", "!"]


def test_a_piece_beside_several_messages_belongs_to_the_last() -> None:
    """Those before it are read as ever."""
    frames = [piece("lo", bot("Hel"), bot("Hello")), success("Hello")]
    assert texts(play(greeted(), frames)[0]) == ["Hel", "lo"]


def test_rule_a_text_that_starts_over_is_ignored() -> None:
    """A whole text that is behind the pieces gives nothing."""
    frames = [piece("Hello wor"), update(bot("Hello")), update(bot("Hello world")), success("Hello world")]
    assert texts(play(greeted(), frames)[0]) == ["Hello wor", "ld"]


def test_rule_a_rewritten_text_is_the_answer_at_the_end() -> None:
    """Sent text stays; the end reports both versions, after a final record or a type 3."""
    for end in (success("Help me"), success(None), record(type=3)):
        events, _ = play(greeted(), [piece("Hello"), update(bot("Help me")), end])
        assert events == [TextDelta("Hello"), Finished("Help me", "Hello", retire=False)]


def test_a_final_text_that_extends_the_sent_text_is_preferred() -> None:
    """If `result.message` does not, the last message may."""
    events, _ = play(greeted(), [piece("Bake"), success("Cake recipe", bot("Bake it."))])
    assert events[1:] == [TextDelta(" it."), Finished("Bake it.", "Bake it.", retire=False)]


def test_a_picture() -> None:
    """It is announced without an address, repeated, and sent once; the text beside it is the answer."""
    events, _ = play(new_turn(), [sample("image")])
    assert events == [
        ImageMade("https://ex.test/apple.png", ""),
        TextDelta("Here it is."),
        Throttling(1, 600),
        Finished("Here it is.", "Here it is.", retire=False),
    ]


def test_a_picture_alone_is_an_answer() -> None:
    """It needs no text, however the turn ends."""
    made = progress(contentGenerationProgressList=[{"ImageReferenceUrls": ["https://ex.test/a.png"]}])
    for end in (success(""), record(type=3)):
        turn = greeted()
        events, code = play(turn, [update(made), end])
        assert (events[0], code, turn.has_text) == (ImageMade("https://ex.test/a.png", ""), "", True)


def test_thoughts_grow_and_follow_each_other() -> None:
    """A repeated thought gives its tail, a rewritten one nothing; another one is a new paragraph."""

    def thought(text: Any, message_id: str = "t1") -> str:
        return update(bot(text, messageId=message_id, contentOrigin="ChainOfThoughtSummary"))

    frames = [thought("I add"), thought("I add."), thought("I add."), thought("No"), thought(None), thought("", "t2"),
              thought("Done.", "t2"), success("4")]  # fmt: skip
    events, _ = play(greeted(), frames)
    assert events[:-2] == [ReasoningDelta("I add"), ReasoningDelta("."), ReasoningDelta("\n\nDone.")]
    assert texts(events) == ["4"]


def test_a_search_is_reported_once() -> None:
    """Updates repeat it, and the end may."""
    searching = progress(contentType="SearchResults", searchQueries=["tides", "", 7])
    events, _ = play(greeted(), [update(searching), update(searching), success("4", searching, bot("4"))])
    assert events[:-2] == [Searching("tides")]


def test_references_may_be_beside_the_messages() -> None:
    """In the update, on a message, and on the last message; their numbers give the order."""

    def source(name: str) -> dict[str, str]:
        return {"targetLink": f"https://ex.test/{name}"}

    frames = [update(references={"2-b": source("b")}), update(bot("4", references={"10-c": source("c")})),
              success("4", bot("4", references={"1-a": source("a")}))]  # fmt: skip
    events, _ = play(greeted(), frames)
    assert events[-2] == Citations(tuple(Source(f"https://ex.test/{x}", f"https://ex.test/{x}") for x in "abc"))


def test_the_users_echo_is_skipped() -> None:
    """The repeated question is no answer."""
    echo = {"text": "2+2?", "author": "user", "contentOrigin": "officeweb"}
    assert texts(play(greeted(), [update(echo), success("4", echo, bot("4"))])[0]) == ["4"]


def test_row_21_unknown_kinds_are_skipped_and_counted() -> None:
    """Unknown targets, types and message types, and garbage, do not end a turn; the end counts them."""
    strange = [
        "garbage\x1e", record(type=1, target="other"), record(type=99), record(type=2, item=None),
        record(type=2, item={"result": {}}), update(bot("x", messageType="SomethingNew")),
        update(bot("x", messageType=["odd"])),
    ]  # fmt: skip
    known = [update(bot("x", messageType="InternalLoaderMessage")), update(progress(contentType=["odd"]))]
    events, code = play(greeted(), [*strange, *known, success("4")])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False, skipped=7)], "")


@pytest.mark.parametrize("value", [None, 7, ["x"]])
def test_text_of_a_wrong_type_is_skipped(value: Any) -> None:
    """In a message, at the cursor, and at the end."""
    events, _ = play(greeted(), [update(bot(value)), piece(value), piece("4"), success(value, bot(value))])
    assert texts(events) == ["4"]


def test_meters_at_zero_are_listed() -> None:
    """The services can see which allowance the account has used up."""
    turn = greeted()
    metering = {"LLMOnly": {"remainingAllowance": 9}, "ImageGeneration": {"remainingAllowance": 0}}
    play(turn, [update(throttling={"metering": metering}), success("4")])
    assert turn.exhausted == ("ImageGeneration",)


def test_a_character_cut_between_two_pieces() -> None:
    """Its halves are joined; a whole text in between has all of it or nothing."""
    frames = [
        piece("Moon \ud83c"),
        piece("\udf15"),
        update(bot("Moon \U0001f315 \ud83c")),
        success("Moon \U0001f315 ok"),
    ]
    assert texts(play(greeted(), frames)[0]) == ["Moon ", "\U0001f315", " ", "ok"]
    frames = [piece("Moon \ud83c"), update(bot("Moon \U0001f315")), success("Moon \U0001f315")]
    assert texts(play(greeted(), frames)[0]) == ["Moon ", "\U0001f315"]


def _item(**item: Any) -> str:
    return record(type=2, invocationId="0", item=item)


def test_stream_hub_sends_each_part_as_an_item() -> None:
    """Pieces, messages and counts come in type 2 records; the one with a result ends the turn."""
    frames = [
        _item(throttling={"numUserMessagesInConversation": 1, "maxNumUserMessagesInConversation": 30}),
        _item(messages=[bot("Hel")]),
        _item(writeAtCursor="lo \ud83c"),
        _item(writeAtCursor="\udf15"),
        _item(messages=[progress(searchQueries=["tides"])]),
        _item(messages=[bot("Hello \U0001f315")], writeAtCursor="!", result={"value": "Success", "message": "Hello"}),
    ]
    events, code = play(greeted(), [*frames, record(type=3)])
    assert code == ""
    assert events == [
        Throttling(1, 30),
        TextDelta("Hel"),
        TextDelta("lo "),
        TextDelta("\U0001f315"),
        Searching("tides"),
        TextDelta("!"),
        Finished("Hello \U0001f315!", "Hello \U0001f315!", retire=False),
    ]  # fmt: skip


def test_stream_hub_may_end_by_type_3_alone() -> None:
    """Without a result, what the items brought is the answer."""
    events, code = play(greeted(), [_item(writeAtCursor="4"), record(type=3)])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False)], "")


def test_a_stop_follows_a_question_only() -> None:
    """Before the question there is nothing to end, and after the end neither."""
    turn = new_turn()
    assert turn.stop() == []
    turn.receive(ACK)
    [stop] = turn.stop()
    assert json.loads(stop.rstrip("\x1e")) == {"type": 1, "target": "stop", "invocationId": "1", "arguments": [{}]}
    turn.receive(success("4"))
    assert turn.stop() == []
