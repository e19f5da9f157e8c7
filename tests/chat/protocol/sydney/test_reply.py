"""A turn with Bing Chat: every rule and trap of the wire page's section 5, by its name."""

from __future__ import annotations

import json

import pytest

from bingproject.errors import InvalidRequestError, UnexpectedResponseError, UpstreamTimeoutError
from chat.protocol import signalr
from chat.protocol.events import (
    Citations,
    Dialect,
    Finished,
    Searching,
    Source,
    Sources,
    Suggestions,
    TextDelta,
    Throttling,
)
from chat.protocol.failures import SessionEndedError
from tests.chat.protocol.sydney.turns import (
    ACK,
    bot,
    failure,
    greeted,
    play,
    record,
    reply,
    sample,
    success,
    texts,
    throttling,
    update,
)


def test_a_reply_is_a_dialect() -> None:
    """Whoever drives dialects can drive this one."""
    turn: Dialect = reply()
    assert (turn.finished, turn.phase, turn.progress, turn.has_text) == (False, "handshake", 0, False)


def test_the_question_follows_the_acknowledgement() -> None:
    """First the handshake alone; after `{}` a ping and the question, once."""
    turn = reply("2+2?")
    assert turn.start() == [signalr.HANDSHAKE]
    assert turn.to_send() == []
    assert turn.receive(ACK) == []
    ping, question = turn.to_send()
    assert ping == signalr.PING
    assert json.loads(question.rstrip("\x1e"))["arguments"][0]["message"]["text"] == "2+2?"
    assert turn.to_send() == []
    assert turn.phase == "waiting"


def test_records_before_the_acknowledgement_do_not_count_as_one() -> None:
    """A ping or garbage ahead of `{}` is passed over and the question waits."""
    turn = reply()
    turn.receive('{"type":6}\x1e[1]\x1e')
    assert (turn.to_send(), turn.phase, turn.skipped) == ([], "handshake", 2)


def test_a_refused_handshake_is_a_protocol_error() -> None:
    """`{"error"}` in place of `{}` ends the turn with 502."""
    with pytest.raises(UnexpectedResponseError) as caught:
        reply().receive('{"error":"Requested protocol \'json\' is not available."}\x1e')
    assert caught.value.code == "upstream_protocol_error"


def test_a_short_answer() -> None:
    """Throttling, growing texts and the end become deltas without repetition."""
    events, code = play(reply(), [sample("short")])
    assert code == ""
    assert events == [
        Throttling(1, 30),
        TextDelta("Two"),
        TextDelta(" plus two is four."),
        Finished("Two plus two is four.", "Two plus two is four.", retire=False, skipped=0),
    ]


def test_search_citations_and_suggestions() -> None:
    """A searched turn tells the query, the pages found, the numbered sources and what to ask next, each once."""
    pages = (Source("Tide basics", "https://ex.test/a"), Source("Moon", "https://ex.test/b"))
    events, code = play(reply(), [sample("search")])
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
    """A card behind the answer is not taken for it, and its text is no text."""
    events, _ = play(greeted(), [success(bot("The answer."), bot("tides", "c1", messageType="RenderCardRequest"))])
    assert texts(events) == ["The answer."]


def test_trap_the_result_message_is_not_the_answer() -> None:
    """`result.message` is the last message's text and never shown."""
    end = record(type=2, item={"messages": [bot("Bake it.")], "result": {"value": "Success", "message": "Cake recipe"}})
    events, _ = play(greeted(), [end])
    assert texts(events) == ["Bake it."]


def test_trap_the_second_message_is_the_search_query() -> None:
    """The query of a searched turn stands second, and is not shown as the answer."""
    query = bot("Searching the web for: `tides`", "q1", messageType="InternalSearchQuery", hiddenText="tides")
    events, _ = play(greeted(), [success({"author": "user", "text": "?"}, query, bot("The Moon."))])
    assert events[0] == Searching("tides")
    assert texts(events) == ["The Moon."]


def test_trap_the_first_update_has_no_messages() -> None:
    """An update with throttling only says so and nothing more."""
    turn = greeted()
    alone = record(type=1, target="update", arguments=[{"requestId": "r1", "throttling": throttling(3)}])
    assert turn.receive(alone) == [Throttling(3, 30)]
    assert turn.receive(alone) == []


def test_rule_every_message_of_an_update_counts() -> None:
    """Messages behind the first, and arguments behind the first, are heard."""
    two = [{"messages": [bot("One ", "b0"), bot("two ", "b1")]}, {"messages": [bot("three", "b2")]}]
    events, _ = play(greeted(), [record(type=1, target="update", arguments=two)])
    assert texts(events) == ["One ", "two ", "three"]


def test_rule_text_is_cumulative_per_message() -> None:
    """Each text repeats the one before; only its tail goes out."""
    events, _ = play(greeted(), [update(bot("A")), update(bot("AB")), update(bot("AB")), update(bot("ABC"))])
    assert texts(events) == ["A", "B", "C"]


def test_rule_a_new_message_id_starts_at_zero() -> None:
    """A second message's first characters are not lost."""
    frames = [update(bot("First. ", "b1")), update(bot("Second", "b2")), success(bot("Second.", "b2"))]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["First. ", "Second", "."]
    assert events[-1] == Finished("First. Second.", "First. Second.", retire=False)


def test_rule_a_message_id_that_changes_in_mid_answer_repeats_nothing() -> None:
    """When the text goes on under another id, what is out does not go out again."""
    frames = [update(bot("Two plus", "b1")), update(bot("Two", "b2")), update(bot("Two plus two", "b2")),
              success(bot("Two plus two.", "b2"))]  # fmt: skip
    events, _ = play(greeted(), frames)
    assert texts(events) == ["Two plus", " two", "."]
    assert events[-1] == Finished("Two plus two.", "Two plus two.", retire=False)


def test_rule_shorter_text_emits_nothing() -> None:
    """A text that shrinks and grows again goes on where it was."""
    events, _ = play(greeted(), [update(bot("Hello wor")), update(bot("Hello")), update(bot("Hello world"))])
    assert texts(events) == ["Hello wor", "ld"]


def test_rule_rewritten_text_emits_nothing_and_is_remembered() -> None:
    """What is out stays; the end tells both what was streamed and how the answer stands."""
    events, _ = play(greeted(), [update(bot("Hello wor")), update(bot("Help me")), success(bot("Help me out"))])
    assert texts(events) == ["Hello wor"]
    assert events[-1] == Finished("Help me out", "Hello wor", retire=False)


def test_rule_the_end_gives_the_missing_tail() -> None:
    """Text that only the final record has goes out before the end."""
    events, _ = play(greeted(), [update(bot("Two")), success(bot("Two plus two."))])
    assert texts(events) == ["Two", " plus two."]


def test_rule_the_answer_may_come_with_the_end_only() -> None:
    """Without any update the final record's answer is one delta."""
    events, _ = play(greeted(), [success(bot("All at once."))])
    assert texts(events) == ["All at once."]


def test_rule_earlier_turns_in_the_end_are_not_repeated() -> None:
    """Only the last answer of the final record belongs to this turn."""
    events, _ = play(greeted(), [success(bot("Old answer.", "b0"), bot("New answer.", "b1"))])
    assert texts(events) == ["New answer."]


def test_rule_the_users_echo_is_skipped() -> None:
    """The echo of the question is no answer."""
    events, _ = play(greeted(), [update({"author": "user", "text": "2+2?"}), success(bot("4"))])
    assert texts(events) == ["4"]


def test_rule_the_end_without_messages_keeps_what_was_streamed() -> None:
    """A success that repeats nothing is no failure when text is out."""
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


def test_rule_a_search_is_told_once() -> None:
    """Updates and the end repeat a search; one that is empty is not told."""
    query = bot("", "q1", messageType="InternalSearchQuery", hiddenText="tides")
    found = {"web_search_results": [{"url": "https://a.test"}]}
    result = bot("", "s1", messageType="InternalSearchResult", groundingInfo=found)
    empty = bot("", "s2", messageType="InternalSearchResult", groundingInfo=None)
    blank = bot("", "q2", messageType="InternalSearchQuery")
    events, _ = play(greeted(), [update(query, result, empty, blank), update(query, result), success(query, bot("4"))])
    assert events[:2] == [Searching("tides"), Sources("", (Source("https://a.test", "https://a.test"),))]
    assert texts(events) == ["4"]


def test_rule_unknown_kinds_are_skipped_and_counted() -> None:
    """Targets, types and message types nobody knows, and garbage, do not end a turn; the end counts them."""
    strange = [
        "garbage\x1e", record(type=1, target="other"), record(type=99), record(type=2, item=None),
        update(bot("x", "n1", messageType="SomethingNew")), update(bot("x", "n2", messageType=["odd"])),
        update(bot("x", "n3", messageType="Progress")),
    ]  # fmt: skip
    events, code = play(greeted(), [*strange, success(bot("4"))])
    assert code == ""
    assert events == [TextDelta("4"), Finished("4", "4", retire=False, skipped=6)]


@pytest.mark.parametrize("item", [{}, {"result": "odd"}, {"result": {}}, {"messages": [bot("5")], "result": None}])
def test_rule_an_end_without_a_result_is_none(item: object) -> None:
    """It is passed over like any record nobody understands; the stream's own end decides."""
    events, code = play(greeted(), [update(bot("4")), record(type=2, item=item), record(type=3)])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False, skipped=1)], "")


@pytest.mark.parametrize("text", [None, 7, ["x"]])
def test_rule_an_answer_without_text_is_passed_over(text: object) -> None:
    """A missing or wrongly typed text is no text, and no crash."""
    events, _ = play(greeted(), [update(bot(text)), update(bot("4", None)), success(bot("4", None))])
    assert texts(events) == ["4"]


def test_rule_pings_are_echoed_and_are_no_progress() -> None:
    """A ping is answered, and changes neither the progress nor the phase."""
    turn = greeted()
    assert turn.receive('{"type":6}\x1e') == []
    assert turn.to_send() == [signalr.PING]
    assert (turn.progress, turn.phase) == (0, "waiting")
    turn.receive(update(bot("4")))
    assert (turn.progress, turn.phase) == (1, "answering")


def test_keepalive_pings_only_while_the_turn_runs() -> None:
    """Before the acknowledgement and after the end nothing is sent."""
    turn = reply()
    assert turn.keepalive() == []
    turn.receive(ACK)
    assert turn.keepalive() == [signalr.PING]
    turn.receive(success(bot("4")))
    assert (turn.keepalive(), turn.phase) == ([], "finished")


def test_rule_nothing_after_the_end_counts() -> None:
    """The closing shell, in the same frame or later, changes nothing; neither does the socket's end."""
    turn = greeted()
    events = turn.receive(success(bot("4")) + record(type=3) + update(bot("456")))
    assert [type(event) for event in events] == [TextDelta, Finished]
    assert (turn.receive(update(bot("456"))), turn.closed(1000), turn.timed_out()) == ([], [], [])


def test_rule_a_turn_may_end_by_type_3_alone() -> None:
    """A stream that is closed in order, without a final record, ends an answer that is there."""
    events, code = play(greeted(), [update(bot("4", sourceAttributions=[])), record(type=3, invocationId="0")])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False)], "")


@pytest.mark.parametrize(
    "frame",
    [
        record(type=3),
        record(type=3, error="boom"),
        record(type=7, error="Connection closed with an error.", allowReconnect=True),
        success(),
        success(bot(" \n")),
        success(bot("tides", "c1", messageType="RenderCardRequest")),
    ],
)
def test_rows_17_and_19_no_answer_is_an_interruption(frame: str) -> None:
    """A close, an error and an empty success are failures, never an empty answer."""
    _, code = play(greeted(), [frame])
    assert code == "upstream_interrupted"


@pytest.mark.parametrize("frame", [record(type=3, error="boom"), record(type=7)])
def test_row_18_an_error_after_text_is_an_interruption(frame: str) -> None:
    """Text that is out does not make an error a good end."""
    turn = greeted()
    events, code = play(turn, [update(bot("Two")), frame])
    assert (texts(events), code, turn.has_text, turn.finished) == (["Two"], "upstream_interrupted", True, False)


def test_text_goes_out_before_the_error_behind_it() -> None:
    """With both in one frame, the text is handed out and the error is raised next, once."""
    turn = greeted()
    assert texts(turn.receive(update(bot("Two")) + failure("Throttled"))) == ["Two"]
    with pytest.raises(Exception, match="slow down"):
        turn.to_send()
    assert turn.to_send() == []


@pytest.mark.parametrize("code", [1000, 1006, 1011])
def test_rows_17_and_18_a_cut_is_an_interruption(code: int) -> None:
    """A socket that closes before the end is a failure, whatever its code and phase."""
    for turn in (reply(), greeted()):
        with pytest.raises(UnexpectedResponseError) as caught:
            turn.closed(code)
        assert caught.value.code == "upstream_interrupted"


def test_row_14_a_normal_close_after_a_long_prompt_means_it_was_too_long() -> None:
    """Only 1000, only without text, only for a long prompt, only once it was asked."""
    turn = greeted("x" * 20_000)
    with pytest.raises(InvalidRequestError, match="this model's maximum context length is") as caught:
        turn.closed(1000)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    with pytest.raises(UnexpectedResponseError):
        turn.closed(1006)
    with pytest.raises(UnexpectedResponseError):
        reply("x" * 20_000).closed(1000)
    turn.receive(update(bot("Two")))
    with pytest.raises(UnexpectedResponseError):
        turn.closed(1000)


def test_row_20_silence_is_a_timeout() -> None:
    """After the question silence is 504; without even an acknowledgement it is a protocol error (row 9)."""
    with pytest.raises(UpstreamTimeoutError) as caught:
        greeted().timed_out()
    assert caught.value.code == "timeout"
    with pytest.raises(UnexpectedResponseError) as handshake:
        reply().timed_out()
    assert handshake.value.code == "upstream_protocol_error"


@pytest.mark.parametrize(
    ("name", "code"),
    [("throttled", "throttled"), ("captcha", "challenge_required"), ("invalid_session", "upstream_interrupted"),
     ("expired_token", "upstream_interrupted")],
)  # fmt: skip
def test_failed_turns(name: str, code: str) -> None:
    """Final records without messages and throttling say what is wrong."""
    assert play(reply(), [sample(name)]) == ([], code)


@pytest.mark.parametrize(("value", "code"), [("Forbidden", "account_blocked"), ("Odd", "upstream_protocol_error")])
def test_other_results_are_failures(value: str, code: str) -> None:
    """A result that is not Success never ends a turn well, even with messages."""
    end = record(type=2, item={"messages": [bot("x")], "result": {"value": value, "error": "e"}})
    assert play(greeted(), [end]) == ([], code)


def test_row_13_the_turn_limiter_asks_for_another_conversation() -> None:
    """Its words are no answer: before text the session has ended, after text it is retired with the answer kept."""
    limiter = bot("You have reached the limit.", "t1", contentOrigin="TurnLimiter")
    with pytest.raises(SessionEndedError):
        greeted().receive(update(limiter))
    events, _ = play(greeted(), [update(bot("4")), update(limiter), success(bot("4"), limiter)])
    assert events == [TextDelta("4"), Finished("4", "4", retire=True)]


@pytest.mark.parametrize(("used", "retire"), [(29, False), (30, True), (31, True)])
def test_row_13_the_cap_turn_keeps_its_answer(used: int, retire: bool) -> None:
    """The last turn a conversation has is delivered, and then the conversation is retired."""
    events, _ = play(greeted(), [success(bot("4"), throttling=throttling(used))])
    assert events == [Throttling(used, 30), TextDelta("4"), Finished("4", "4", retire=retire)]
