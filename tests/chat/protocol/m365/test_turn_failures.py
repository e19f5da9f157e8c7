"""How a turn with Microsoft 365 Copilot fails, by the rows of docs/wire/m365.md."""

from __future__ import annotations

import pytest

from bingproject.errors import AccountThrottledError, CookieExpiredError
from chat.protocol.events import Finished, Refused, Searching, TextDelta
from chat.protocol.failures import SessionEndedError
from tests.chat.protocol.chathub.records import bot, failure, record, update
from tests.chat.protocol.m365.turns import greeted, new_turn, piece, progress, sample, success
from tests.chat.protocol.playing import play, texts

DISENGAGED = update(bot("", "d1", messageType="Disengaged"))
NOTICE = "Sorry, I am temporarily unable to respond to this many requests. Try again soon."


def test_row_26_a_stream_closed_without_text() -> None:
    """The invocation was dropped: a protocol error, also after progress, and no empty success."""
    assert play(new_turn(), [sample("dropped")]) == ([], "upstream_protocol_error")
    searching = progress(searchQueries=["tides"])
    assert play(greeted(), [update(searching), record(type=3)]) == ([Searching("tides")], "upstream_protocol_error")


def test_row_18_a_stream_that_is_cut() -> None:
    """Its text is delivered, and the turn has not ended."""
    turn = new_turn()
    events, code = play(turn, [sample("cut")])
    assert (texts(events), code, turn.finished) == (["Hel", "lo"], "", False)


@pytest.mark.parametrize("frame", [success(""), success(" \n"), success(None, bot("")), success(None, progress())])
def test_row_19_success_without_an_answer(frame: str) -> None:
    """A tone that the account is not licensed for looks so; it is never an empty success."""
    assert play(greeted(), [frame]) == ([], "upstream_interrupted")


def test_row_19_no_answer_and_an_exhausted_meter_mean_throttled() -> None:
    """Only the meter of answers counts, and only without an answer."""
    spent = {"metering": {"LLMOnly": {"remainingAllowance": 0}}}
    assert play(greeted(), [success("", throttling=spent)]) == ([], "throttled")
    assert play(greeted(), [success("4", throttling=spent)])[1] == ""
    other = {"metering": {"ImageGeneration": {"remainingAllowance": 0}}}
    assert play(greeted(), [success("", throttling=other)]) == ([], "upstream_interrupted")


def _spent(reset_at: object) -> list[dict[str, object]]:
    return [
        {"remainingAllowance": 3, "resetAt": "2026-12-24T00:00:00Z"},
        {"remainingAllowance": 0, "resetAt": reset_at},
    ]


@pytest.mark.parametrize(
    ("reset_at", "message", "wait"),
    [
        ("2026-11-30T19:30:00Z", "", 9_000.0),
        ("2026-11-30T19:30:00", "Check back at 6:00 PM.", 9_000.0),
        (None, "You've reached your daily limit. Get more usage now or check back at 7:00 PM.", 7_200.0),
        ("soon", "You've reached your daily limit. Try later.", None),
        ("2026-11-30T16:00:00Z", "", 0.0),
    ],
)
def test_row_10_used_up_credits_name_their_end(reset_at: object, message: str, wait: float | None) -> None:
    """By a meter at 0, else by the sentence; a meter with something left does not count."""
    result = {"value": "OutOfCredits", "message": message, "meteringInformation": _spent(reset_at)}
    with pytest.raises(AccountThrottledError) as caught:
        greeted().receive(record(type=2, item={"result": result}))
    assert caught.value.retry_after == wait


def test_row_10_a_meter_at_0_explains_an_empty_answer() -> None:
    """On an update, as `OutOfCredits` has it; with an answer it says nothing."""
    told = update(meteringInformation=_spent("2026-11-30T18:00:00Z"))
    turn = greeted()
    turn.receive(told)
    with pytest.raises(AccountThrottledError) as caught:
        turn.receive(success(""))
    assert caught.value.retry_after == 3_600.0
    assert play(greeted(), [told, success("4")])[1] == ""


def test_row_27_the_daily_limit_comes_as_an_answer() -> None:
    """The sentence is never shown; its clock time is the wait."""
    with pytest.raises(AccountThrottledError) as caught:
        greeted().receive(success("You\u2019ve reached your daily limit. Get more usage now or check back at 9:15 AM."))
    assert caught.value.retry_after == 16.25 * 3600


def test_row_15_disengaged_before_text() -> None:
    """A refusal closes the conversation; there is no answer, and the turn has ended."""
    events, code = play(new_turn(), [sample("disengaged")])
    assert code == ""
    assert events[-2:] == [Refused("", "disengaged", after_text=False), Finished("", "", retire=True)]
    assert texts(events) == []


def test_rows_15_and_16_a_refusal_ends_the_text() -> None:
    """No more of the answer is sent, whatever ends the turn."""
    for end in (success("4 and more", bot("4 and more")), record(type=3), record(type=3, error="x"), record(type=7)):
        events, code = play(greeted(), [piece("4"), DISENGAGED, piece(" and"), update(bot("4 and more")), end])
        assert code == ""
        assert events == [
            TextDelta("4"),
            Refused("", "disengaged", after_text=True),
            Finished("4", "4", retire=True),
        ]


def test_row_16_an_apology_in_the_answers_place() -> None:
    """Not seen here, but Bing's ChatHub sends it; the conversation continues."""
    sorry = bot("Sorry.", contentOrigin="Apology")
    events, _ = play(greeted(), [piece("4"), success("Sorry.", sorry)])
    assert events == [TextDelta("4"), Refused("Sorry.", "apology", after_text=True), Finished("4", "4", retire=False)]


def test_row_12_a_conversation_that_has_ended() -> None:
    """A new one can answer; an expired token is the account's, unlike Bing's."""
    with pytest.raises(SessionEndedError, match="Microsoft 365 Copilot has closed"):
        greeted().receive(failure("InvalidSession"))
    for words in ("(IDX10223: Lifetime validation failed)", "not signed in", None):
        with pytest.raises(CookieExpiredError, match="access token"):
            greeted().receive(failure("UnauthorizedRequest", words))


def test_row_27_a_rate_limit_sentence_as_text() -> None:
    """It is no answer but 429, and none of it is sent."""
    events, code = play(new_turn(), [sample("notice")])
    assert (texts(events), code) == ([], "throttled")
    assert play(greeted(), [success(NOTICE)]) == ([], "throttled")
    assert play(greeted(), [update(bot(NOTICE)), record(type=3)]) == ([], "throttled")


def test_row_27_a_sentence_and_then_the_sockets_end() -> None:
    """The sentence decides the error."""
    turn = greeted()
    assert play(turn, [update(bot(NOTICE))]) == ([], "")
    with pytest.raises(AccountThrottledError):
        turn.closed(1006)
    with pytest.raises(AccountThrottledError):
        turn.timed_out()


def test_row_27_the_sentence_in_pieces() -> None:
    """Text in front of it was sent; the rest is not, and the turn fails all the same."""
    events, code = play(
        greeted(), [piece("I am "), piece("temporarily unable"), piece(NOTICE.partition("unable")[2]), success(None)]
    )
    assert (texts(events), code) == (["I am "], "throttled")


def test_row_27_an_answer_that_quotes_it_is_an_answer() -> None:
    """A long one is sent once it is long; a mere beginning is sent at the end."""
    long = f"{NOTICE} " * 5
    events, code = play(greeted(), [update(bot(NOTICE)), update(bot(long)), success(long)])
    assert ("".join(texts(events)), code) == (long, "")
    events, code = play(greeted(), [piece("It is temporarily"), success("It is temporarily")])
    assert (texts(events), code) == (["It is ", "temporarily"], "")
