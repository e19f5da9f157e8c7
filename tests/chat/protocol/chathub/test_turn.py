"""What a turn does in the same way with either ChatHub, by the names of the wire pages' rules and rows."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from bingproject.errors import AccountThrottledError, UnexpectedResponseError, UpstreamTimeoutError
from chat.protocol import signalr
from chat.protocol.events import Dialect, Event, Finished, Refused, TextDelta, Throttling
from tests.chat.protocol.chathub.records import ACK, bot, failure, record, success, throttling, update
from tests.chat.protocol.m365 import turns as m365
from tests.chat.protocol.playing import play, texts
from tests.chat.protocol.sydney import turns as sydney

NAMES = {m365: "Microsoft 365 Copilot", sydney: "Bing"}
DISENGAGED = update(bot("", "d1", messageType="Disengaged"))


@pytest.fixture(params=NAMES, ids=["m365", "sydney"])
def turns(request: pytest.FixtureRequest) -> Any:
    """The turns of either dialect."""
    return request.param


def test_a_reply_is_a_dialect(turns: ModuleType) -> None:
    """Whoever drives dialects can drive this one."""
    turn: Dialect = turns.reply()
    assert (turn.finished, turn.phase, turn.progress, turn.has_text) == (False, "handshake", 0, False)


def test_records_before_the_acknowledgement_do_not_count_as_one(turns: ModuleType) -> None:
    """A ping or garbage ahead of `{}` is passed over and the question waits."""
    turn = turns.reply()
    turn.receive('{"type":6}\x1e[1]\x1e')
    assert (turn.to_send(), turn.phase, turn.skipped) == ([], "handshake", 2)


def test_row_9_a_refused_handshake(turns: ModuleType) -> None:
    """`{"error"}` in place of `{}`, or nothing, ends the turn with 502."""
    with pytest.raises(UnexpectedResponseError, match=f"^{NAMES[turns]} answered") as caught:
        turns.reply().receive('{"error":"Requested protocol \'json\' is not available."}\x1e')
    assert caught.value.code == "upstream_protocol_error"
    with pytest.raises(UnexpectedResponseError, match=f"^{NAMES[turns]} answered") as silent:
        turns.reply().timed_out()
    assert silent.value.code == "upstream_protocol_error"


def test_rule_pings_are_echoed_and_are_no_progress(turns: ModuleType) -> None:
    """A ping is answered, without which a long turn may end early, and changes neither the progress nor the phase."""
    turn = turns.greeted()
    assert turn.receive('{"type":6}\x1e') == []
    assert turn.to_send() == [signalr.PING]
    assert (turn.progress, turn.phase) == (0, "waiting")
    turn.receive(update(bot("4")))
    assert (turn.progress, turn.phase) == (1, "answering")


def test_keepalive_pings_only_while_the_turn_runs(turns: ModuleType) -> None:
    """Before the acknowledgement and after the end nothing is sent."""
    turn = turns.reply()
    assert turn.keepalive() == []
    turn.receive(ACK)
    assert turn.keepalive() == [signalr.PING]
    turn.receive(success(bot("4")))
    assert (turn.keepalive(), turn.phase) == ([], "finished")


def test_rule_nothing_after_the_end_counts(turns: ModuleType) -> None:
    """The closing shell, in the same frame or later, changes nothing; neither does the socket's end."""
    turn = turns.greeted()
    events = turn.receive(success(bot("4")) + record(type=3) + update(bot("456")))
    assert [type(event) for event in events] == [TextDelta, Finished]
    assert (turn.receive(update(bot("456"))), turn.closed(1000), turn.timed_out()) == ([], [], [])


def test_rule_a_turn_may_end_by_type_3_alone(turns: ModuleType) -> None:
    """A stream that is closed in order, without a final record, ends an answer that is there."""
    events, code = play(turns.greeted(), [update(bot("4", sourceAttributions=[])), record(type=3, invocationId="0")])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False)], "")


@pytest.mark.parametrize("item", [{}, {"result": "odd"}, {"result": {}}, {"messages": [bot("5")], "result": None}])
def test_rule_an_end_without_a_result_is_none(turns: ModuleType, item: object) -> None:
    """It is passed over like any record nobody understands; the stream's own end decides."""
    events, code = play(turns.greeted(), [update(bot("4")), record(type=2, item=item), record(type=3)])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False, skipped=1)], "")


@pytest.mark.parametrize("end", [record(type=3, error={"message": "boom"}), record(type=7, error="x"), record(type=7)])
def test_rows_17_and_18_errors_of_the_stream(turns: ModuleType, end: str) -> None:
    """Type 3 with an error and type 7 are interruptions, whatever is out."""
    assert play(turns.greeted(), [end]) == ([], "upstream_interrupted")
    turn = turns.greeted()
    events, code = play(turn, [update(bot("Two")), end])
    assert (texts(events), code, turn.has_text, turn.finished) == (["Two"], "upstream_interrupted", True, False)


@pytest.mark.parametrize("code", [1000, 1006, 1011])
def test_rows_17_and_18_a_cut_is_an_interruption(turns: ModuleType, code: int) -> None:
    """A socket that closes before the end is a failure, whatever its code and phase."""
    answering = turns.greeted()
    answering.receive(update(bot("Two")))
    for turn in (turns.reply(), turns.greeted(), answering):
        with pytest.raises(UnexpectedResponseError, match=f"^{NAMES[turns]} stopped") as caught:
            turn.closed(code)
        assert caught.value.code == "upstream_interrupted"


def test_row_19_success_without_an_answer(turns: ModuleType) -> None:
    """It is a failure and never an empty success, whether it has messages or not."""
    for end in (success(), success(bot(" \n")), success(bot("x", "c1", messageType="RenderCardRequest"))):
        assert play(turns.greeted(), [end])[1] == "upstream_interrupted"


def test_row_20_silence_is_a_timeout(turns: ModuleType) -> None:
    """After the question silence is 504, in a chat's words."""
    words = f"^{NAMES[turns]} did not answer in time. Send the message again.$"
    with pytest.raises(UpstreamTimeoutError, match=words) as caught:
        turns.greeted().timed_out()
    assert caught.value.code == "timeout"


@pytest.mark.parametrize(
    ("value", "code"),
    [("Throttled", "throttled"), ("CaptchaChallenge", "challenge_required"), ("Forbidden", "account_blocked"),
     ("Odd", "upstream_protocol_error"), ("InvalidSession", "upstream_interrupted")],
)  # fmt: skip
def test_other_results_are_failures(turns: ModuleType, value: str, code: str) -> None:
    """Rows 5, 6 and 10 to 12: what is out stays out, and messages beside a bad result do not make it a good one."""
    assert play(turns.greeted(), [failure(value)]) == ([], code)
    assert play(turns.greeted(), [update(bot("4")), failure(value)]) == ([TextDelta("4")], code)
    end = record(type=2, item={"messages": [bot("x")], "result": {"value": value, "error": "e"}})
    assert play(turns.greeted(), [end]) == ([], code)


def test_text_goes_out_before_the_error_behind_it(turns: ModuleType) -> None:
    """With both in one frame, the text is handed out and the error is raised next, once."""
    turn = turns.greeted()
    assert texts(turn.receive(update(bot("Two")) + failure("Throttled"))) == ["Two"]
    with pytest.raises(AccountThrottledError, match="slow down"):
        turn.to_send()
    assert turn.to_send() == []


@pytest.mark.parametrize(("used", "retire"), [(29, False), (30, True), (31, True)])
def test_row_13_the_cap_turn_keeps_its_answer(turns: ModuleType, used: int, retire: bool) -> None:
    """The last turn a conversation has is delivered, and then the conversation is retired."""
    events, _ = play(turns.greeted(), [success(bot("4"), throttling=throttling(used))])
    assert events == [Throttling(used, 30), TextDelta("4"), Finished("4", "4", retire=retire)]


def test_how_many_turns_are_used_is_told_once(turns: ModuleType) -> None:
    """Updates without messages repeat it."""
    turn = turns.greeted()
    alone = update(throttling=throttling(3))
    assert (turn.receive(alone), turn.receive(alone)) == ([Throttling(3, 30)], [])


@pytest.mark.parametrize("ending", ["closed", "timed out", record(type=7), record(type=3, error="x"), record(type=3)])
def test_row_16_a_refusal_survives_a_bad_end(turns: ModuleType, ending: str) -> None:
    """What was refused is refused, however the stream ends."""
    turn = turns.greeted()
    events: list[Event] = turn.receive(DISENGAGED)
    if ending == "closed":
        events += turn.closed(1006)
    elif ending == "timed out":
        events += turn.timed_out()
    else:
        events += turn.receive(ending)
    assert events == [Refused("", "disengaged", after_text=False), Finished("", "", retire=True)]
    assert turn.finished
