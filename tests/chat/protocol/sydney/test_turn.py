"""A turn with Bing Chat: each rule and trap of docs/wire/chathub.md, section 5, by its name."""

from __future__ import annotations

import json

import pytest

from bingproject.errors import InvalidRequestError, UnexpectedResponseError
from chat.protocol import signalr
from chat.protocol.events import (
    Citations,
    Finished,
    Searching,
    Source,
    Sources,
    Suggestions,
    TextDelta,
    Throttling,
)
from chat.protocol.failures import SessionEndedError
from tests.chat.protocol.chathub.records import ACK, bot, record, success, update
from tests.chat.protocol.playing import play, texts
from tests.chat.protocol.sydney.turns import greeted, new_turn, sample


def test_the_question_follows_the_acknowledgement() -> None:
    """First the handshake alone; after `{}` a ping and the question, once."""
    turn = new_turn("2+2?")
    assert turn.start() == [signalr.HANDSHAKE]
    assert turn.to_send() == []
    assert turn.receive(ACK) == []
    ping, question = turn.to_send()
    assert ping == signalr.PING
    assert json.loads(question.rstrip("\x1e"))["arguments"][0]["message"]["text"] == "2+2?"
    assert turn.to_send() == []
    assert turn.phase == "waiting"


def test_a_short_answer() -> None:
    """Throttling, growing texts and the end become deltas without repetition."""
    events, code = play(new_turn(), [sample("short")])
    assert code == ""
    assert events == [
        Throttling(1, 30),
        TextDelta("Two"),
        TextDelta(" plus two is four."),
        Finished("Two plus two is four.", "Two plus two is four.", retire=False, skipped=0),
    ]


def test_search_citations_and_suggestions() -> None:
    """A searched turn gives the query, the pages, the numbered sources and suggestions, each once."""
    pages = (Source("Tide basics", "https://ex.test/a"), Source("Moon", "https://ex.test/b"))
    events, code = play(new_turn(), [sample("search")])
    assert code == ""
    text = "Gezeiten folgen dem Mond 🌕[^2^]."
    assert events == [
        Throttling(1, 30),
        Searching("tides"),
        Sources("tides", pages),
        TextDelta("Gezeiten folgen dem Mond 🌕"),
        TextDelta("[^2^]."),
        Citations(pages),
        Suggestions(("Why two tides a day?",)),
        Finished(text, text, retire=False),
    ]


def test_trap_the_last_message_may_be_a_card() -> None:
    """A card after the answer does not replace it, and its text is not shown."""
    events, _ = play(greeted(), [success(bot("The answer."), bot("tides", "c1", messageType="RenderCardRequest"))])
    assert texts(events) == ["The answer."]


def test_trap_the_result_message_is_not_the_answer() -> None:
    """`result.message` is the last message's text and never shown."""
    end = record(type=2, item={"messages": [bot("Bake it.")], "result": {"value": "Success", "message": "Cake recipe"}})
    events, _ = play(greeted(), [end])
    assert texts(events) == ["Bake it."]


def test_trap_the_second_message_is_the_search_query() -> None:
    """It is not shown as the answer of a searched turn."""
    query = bot("Searching the web for: `tides`", "q1", messageType="InternalSearchQuery", hiddenText="tides")
    events, _ = play(greeted(), [success({"author": "user", "text": "?"}, query, bot("The Moon."))])
    assert events[0] == Searching("tides")
    assert texts(events) == ["The Moon."]


def test_rule_every_message_of_an_update_counts() -> None:
    """All messages and all arguments are read, not the first alone."""
    two = [{"messages": [bot("One ", "b0"), bot("two ", "b1")]}, {"messages": [bot("three", "b2")]}]
    events, _ = play(greeted(), [record(type=1, target="update", arguments=two)])
    assert texts(events) == ["One ", "two ", "three"]


def test_rule_text_is_cumulative_per_message() -> None:
    """Each text repeats the one before, and only its tail is sent."""
    events, _ = play(greeted(), [update(bot("A")), update(bot("AB")), update(bot("AB")), update(bot("ABC"))])
    assert texts(events) == ["A", "B", "C"]


def test_rule_a_new_message_id_starts_at_zero() -> None:
    """A second message's first characters are not lost."""
    frames = [update(bot("First. ", "b1")), update(bot("Second", "b2")), success(bot("Second.", "b2"))]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["First. ", "Second", "."]
    assert events[-1] == Finished("First. Second.", "First. Second.", retire=False)


def test_rule_a_message_id_that_changes_in_mid_answer_repeats_nothing() -> None:
    """If the text continues under another id, sent text is not sent again."""
    frames = [update(bot("Two plus", "b1")), update(bot("Two", "b2")), update(bot("Two plus two", "b2")),
              success(bot("Two plus two.", "b2"))]  # fmt: skip
    events, _ = play(greeted(), frames)
    assert texts(events) == ["Two plus", " two", "."]
    assert events[-1] == Finished("Two plus two.", "Two plus two.", retire=False)


def test_rule_shorter_text_emits_nothing() -> None:
    """A text that shrinks and grows again continues where it was."""
    events, _ = play(greeted(), [update(bot("Hello wor")), update(bot("Hello")), update(bot("Hello world"))])
    assert texts(events) == ["Hello wor", "ld"]


def test_rule_rewritten_text_emits_nothing_and_is_remembered() -> None:
    """Sent text stays; the end reports the streamed and the final text."""
    events, _ = play(greeted(), [update(bot("Hello wor")), update(bot("Help me")), success(bot("Help me out"))])
    assert texts(events) == ["Hello wor"]
    assert events[-1] == Finished("Help me out", "Hello wor", retire=False)


def test_rule_the_end_gives_the_missing_tail() -> None:
    """Text that only the final record has is sent before the end."""
    events, _ = play(greeted(), [update(bot("Two")), success(bot("Two plus two."))])
    assert texts(events) == ["Two", " plus two."]


def test_rule_the_answer_may_come_with_the_end_only() -> None:
    """Without any update, the final record's answer is one delta."""
    events, _ = play(greeted(), [success(bot("All at once."))])
    assert texts(events) == ["All at once."]


def test_rule_earlier_turns_in_the_end_are_not_repeated() -> None:
    """Only the last answer of the final record belongs to this turn."""
    events, _ = play(greeted(), [success(bot("Old answer.", "b0"), bot("New answer.", "b1"))])
    assert texts(events) == ["New answer."]


def test_rule_the_users_echo_is_skipped() -> None:
    """The repeated question is no answer."""
    events, _ = play(greeted(), [update({"author": "user", "text": "2+2?"}), success(bot("4"))])
    assert texts(events) == ["4"]


def test_rule_the_end_without_messages_keeps_what_was_streamed() -> None:
    """A success without messages is no failure if text was sent."""
    events, code = play(greeted(), [update(bot("4")), record(type=2, item={"result": {"value": "Success"}})])
    assert (texts(events), code) == (["4"], "")


def test_rule_citations_and_suggestions_come_once() -> None:
    """Updates repeat both; the caller gets the last of each, at the end."""
    extras = {
        "sourceAttributions": [{"providerDisplayName": "A", "seeMoreUrl": "https://a.test"}],
        "suggestedResponses": [{"text": "Why?"}],
    }
    events, _ = play(greeted(), [update(bot("4", **extras)), update(bot("4.", **extras)), success(bot("4."))])
    assert events[-3:-1] == [Citations((Source("A", "https://a.test"),)), Suggestions(("Why?",))]
    assert len(events) == 5


@pytest.mark.parametrize("invocation", [None, "search_web()", 'search_web(query="california\'s weather")'])
def test_a_result_is_of_the_query_before_it(invocation: str | None) -> None:
    """Its own texts are the pages as JSON and never taken for the query."""
    found = {"web_search_results": [{"title": "Sun", "url": "https://a.test"}]}
    data = f"```json {json.dumps(found)}```"
    query = bot("", "q1", messageType="InternalSearchQuery", hiddenText="california's weather")
    more = {} if invocation is None else {"invocation": invocation}
    result = bot(data, "s1", messageType="InternalSearchResult", hiddenText=data, groundingInfo=found, **more)
    events, _ = play(greeted(), [update(query), update(result), success(bot("Sunny."))])
    assert events[:2] == [
        Searching("california's weather"),
        Sources("california's weather", (Source("Sun", "https://a.test"),)),
    ]
    alone, _ = play(greeted(), [update(result), success(bot("Sunny."))])
    assert isinstance(alone[0], Sources)
    assert alone[0].query in ("", "california's weather")


def test_rule_a_search_is_reported_once() -> None:
    """Updates and the end repeat it; one that is empty is not reported."""
    query = bot("", "q1", messageType="InternalSearchQuery", hiddenText="tides")
    found = {"web_search_results": [{"url": "https://a.test"}]}
    result = bot("", "s1", messageType="InternalSearchResult", groundingInfo=found)
    empty = bot("", "s2", messageType="InternalSearchResult", groundingInfo=None)
    blank = bot("", "q2", messageType="InternalSearchQuery")
    events, _ = play(greeted(), [update(query, result, empty, blank), update(query, result), success(query, bot("4"))])
    assert events[:2] == [Searching("tides"), Sources("tides", (Source("https://a.test", "https://a.test"),))]
    assert texts(events) == ["4"]


def test_rule_unknown_kinds_are_skipped_and_counted() -> None:
    """Unknown targets, types and message types, and garbage, do not end a turn; the end counts them."""
    strange = [
        "garbage\x1e", record(type=1, target="other"), record(type=99), record(type=2, item=None),
        update(bot("x", "n1", messageType="SomethingNew")), update(bot("x", "n2", messageType=["odd"])),
        update(bot("x", "n3", messageType="Progress")),
    ]  # fmt: skip
    events, code = play(greeted(), [*strange, success(bot("4"))])
    assert code == ""
    assert events == [TextDelta("4"), Finished("4", "4", retire=False, skipped=6)]


@pytest.mark.parametrize("text", [None, 7, ["x"]])
def test_rule_an_answer_without_text_is_skipped(text: object) -> None:
    """A text of a wrong type likewise, and nothing raises."""
    events, _ = play(greeted(), [update(bot(text)), update(bot("4", None)), success(bot("4", None))])
    assert texts(events) == ["4"]


def test_row_14_a_normal_close_after_a_long_prompt_means_it_was_too_long() -> None:
    """Only 1000, only without text, only after a long prompt, only once it was sent."""
    turn = greeted("x" * 20_000)
    with pytest.raises(InvalidRequestError, match="20000 characters: this model's maximum context length is") as caught:
        turn.closed(1000)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    with pytest.raises(UnexpectedResponseError):
        turn.closed(1006)
    with pytest.raises(UnexpectedResponseError):
        new_turn("x" * 20_000).closed(1000)
    turn.receive(update(bot("Two")))
    with pytest.raises(UnexpectedResponseError):
        turn.closed(1000)


@pytest.mark.parametrize(
    ("name", "code"),
    [("throttled", "throttled"), ("captcha", "challenge_required"), ("invalid_session", "upstream_interrupted"),
     ("expired_token", "upstream_interrupted")],
)  # fmt: skip
def test_failed_turns(name: str, code: str) -> None:
    """Final records without messages and throttling say what is wrong."""
    assert play(new_turn(), [sample(name)]) == ([], code)


def test_row_13_the_turn_limiter_asks_for_another_conversation() -> None:
    """It is no answer: before text the session has ended, after text it is retired and the answer kept."""
    limiter = bot("You have reached the limit.", "t1", contentOrigin="TurnLimiter")
    with pytest.raises(SessionEndedError):
        greeted().receive(update(limiter))
    events, _ = play(greeted(), [update(bot("4")), update(limiter), success(bot("4"), limiter)])
    assert events == [TextDelta("4"), Finished("4", "4", retire=True)]


def test_rule_messages_of_a_final_record_without_a_result_are_no_answer() -> None:
    """It is skipped; only Microsoft 365's second hub sends the parts of an answer so."""
    events, code = play(greeted(), [update(bot("4")), record(type=2, item={"messages": [bot("5")]}), record(type=3)])
    assert (texts(events), code, events[-1]) == (["4"], "", Finished("4", "4", retire=False, skipped=1))


def test_a_turn_that_is_left_needs_no_farewell() -> None:
    """Bing's clients only close the socket."""
    assert greeted().stop() == []
