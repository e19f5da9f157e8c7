"""What both ChatHubs' turns have in common, by the names of the wire pages' rules and rows."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tests.chat.protocol.m365.turns
import tests.chat.protocol.sydney.turns
from bingproject.errors import AccountThrottledError, UnexpectedResponseError, UpstreamTimeoutError
from chat.protocol import signalr
from chat.protocol.events import Dialect, Event, Finished, Refused, TextDelta, Throttling
from tests.chat.protocol.chathub.records import ACK, bot, failure, record, success, throttling, update
from tests.chat.protocol.playing import play, texts

M365, SYDNEY = tests.chat.protocol.m365.turns, tests.chat.protocol.sydney.turns
NAMES = {M365: "Microsoft 365 Copilot", SYDNEY: "Bing"}
DISENGAGED = update(bot("", "d1", messageType="Disengaged"))


@pytest.fixture(params=NAMES, ids=["m365", "sydney"])
def turns(request: pytest.FixtureRequest) -> Any:
    """The turns of either dialect."""
    return request.param


def test_a_turn_is_a_dialect(turns: ModuleType) -> None:
    """Anything that drives dialects can drive this one."""
    turn: Dialect = turns.new_turn()
    assert (turn.finished, turn.phase, turn.progress, turn.has_text) == (False, "handshake", 0, False)


def test_a_record_before_the_acknowledgement_does_not_replace_it(turns: ModuleType) -> None:
    """A ping or garbage in front of `{}` is skipped, and the question waits."""
    turn = turns.new_turn()
    turn.receive('{"type":6}\x1e[1]\x1e')
    assert (turn.to_send(), turn.phase, turn.skipped) == ([], "handshake", 2)


def test_row_9_a_refused_handshake(turns: ModuleType) -> None:
    """`{"error"}` instead of `{}`, or nothing, ends the turn with 502."""
    with pytest.raises(UnexpectedResponseError, match=f"^{NAMES[turns]} answered") as caught:
        turns.new_turn().receive('{"error":"Requested protocol \'json\' is not available."}\x1e')
    assert caught.value.code == "upstream_protocol_error"
    with pytest.raises(UnexpectedResponseError, match=f"^{NAMES[turns]} answered") as silent:
        turns.new_turn().timed_out()
    assert silent.value.code == "upstream_protocol_error"


def test_rule_pings_are_echoed_and_are_no_progress(turns: ModuleType) -> None:
    """Without the echo a long turn may end early; progress and phase do not change."""
    turn = turns.greeted()
    assert turn.receive('{"type":6}\x1e') == []
    assert turn.to_send() == [signalr.PING]
    assert (turn.progress, turn.phase) == (0, "waiting")
    turn.receive(update(bot("4")))
    assert (turn.progress, turn.phase) == (1, "answering")


def test_keepalive_pings_only_while_the_turn_runs(turns: ModuleType) -> None:
    """Before the acknowledgement and after the end nothing is sent."""
    turn = turns.new_turn()
    assert turn.keepalive() == []
    turn.receive(ACK)
    assert turn.keepalive() == [signalr.PING]
    turn.receive(success(bot("4")))
    assert (turn.keepalive(), turn.phase) == ([], "finished")


def test_rule_nothing_after_the_end_counts(turns: ModuleType) -> None:
    """A type 3, in the same frame or later, changes nothing; neither does the closed socket."""
    turn = turns.greeted()
    events = turn.receive(success(bot("4")) + record(type=3) + update(bot("456")))
    assert [type(event) for event in events] == [TextDelta, Finished]
    assert (turn.receive(update(bot("456"))), turn.closed(1000), turn.timed_out()) == ([], [], [])


def test_rule_a_turn_may_end_by_type_3_alone(turns: ModuleType) -> None:
    """Without a final record, it ends an answer that exists."""
    events, code = play(turns.greeted(), [update(bot("4", sourceAttributions=[])), record(type=3, invocationId="0")])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False)], "")


@pytest.mark.parametrize("item", [{}, {"result": "odd"}, {"result": {}}])
def test_rule_a_final_record_without_a_result_does_not_end_the_turn(turns: ModuleType, item: object) -> None:
    """It is skipped like an unknown record; the type 3 behind it decides."""
    events, code = play(turns.greeted(), [update(bot("4")), record(type=2, item=item), record(type=3)])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False, skipped=1)], "")


@pytest.mark.parametrize("end", [record(type=3, error={"message": "boom"}), record(type=7, error="x"), record(type=7)])
def test_rows_17_and_18_errors_of_the_stream(turns: ModuleType, end: str) -> None:
    """Type 3 with an error and type 7 are interruptions, before text and after it."""
    assert play(turns.greeted(), [end]) == ([], "upstream_interrupted")
    turn = turns.greeted()
    events, code = play(turn, [update(bot("Two")), end])
    assert (texts(events), code, turn.has_text, turn.finished) == (["Two"], "upstream_interrupted", True, False)


@pytest.mark.parametrize("code", [1000, 1006, 1011])
def test_rows_17_and_18_a_cut_is_an_interruption(turns: ModuleType, code: int) -> None:
    """A socket that closes before the end is a failure, whatever its code and the phase."""
    answering = turns.greeted()
    answering.receive(update(bot("Two")))
    for turn in (turns.new_turn(), turns.greeted(), answering):
        with pytest.raises(UnexpectedResponseError, match=f"^{NAMES[turns]} stopped") as caught:
            turn.closed(code)
        assert caught.value.code == "upstream_interrupted"


def test_row_19_success_without_an_answer(turns: ModuleType) -> None:
    """It is a failure and never an empty answer, with messages or without."""
    for end in (success(), success(bot(" \n")), success(bot("x", "c1", messageType="RenderCardRequest"))):
        assert play(turns.greeted(), [end])[1] == "upstream_interrupted"


def test_row_20_silence_is_a_timeout(turns: ModuleType) -> None:
    """After the question, silence is 504 with the message for chats."""
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
    """Rows 5, 6 and 10 to 12: sent text stays, and messages beside the result do not change its meaning."""
    assert play(turns.greeted(), [failure(value)]) == ([], code)
    assert play(turns.greeted(), [update(bot("4")), failure(value)]) == ([TextDelta("4")], code)
    end = record(type=2, item={"messages": [bot("x")], "result": {"value": value, "error": "e"}})
    assert play(turns.greeted(), [end]) == ([], code)


def test_text_is_delivered_before_the_error_behind_it(turns: ModuleType) -> None:
    """With both in one frame, the error is raised by the next call, once."""
    turn = turns.greeted()
    assert texts(turn.receive(update(bot("Two")) + failure("Throttled"))) == ["Two"]
    with pytest.raises(AccountThrottledError, match="slow down"):
        turn.to_send()
    assert turn.to_send() == []


@pytest.mark.parametrize(("used", "retire"), [(29, False), (30, True), (31, True)])
def test_row_13_the_last_turn_keeps_its_answer(turns: ModuleType, used: int, retire: bool) -> None:
    """It is delivered, and then the conversation is retired."""
    events, _ = play(turns.greeted(), [success(bot("4"), throttling=throttling(used))])
    assert events == [Throttling(used, 30), TextDelta("4"), Finished("4", "4", retire=retire)]


def test_throttling_is_reported_once(turns: ModuleType) -> None:
    """Updates without messages repeat it."""
    turn = turns.greeted()
    alone = update(throttling=throttling(3))
    assert (turn.receive(alone), turn.receive(alone)) == ([Throttling(3, 30)], [])


@pytest.mark.parametrize("ending", ["closed", "timed out", record(type=7), record(type=3, error="x"), record(type=3)])
def test_row_16_a_refusal_survives_a_bad_end(turns: ModuleType, ending: str) -> None:
    """The turn counts as refused, however the stream ends."""
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
