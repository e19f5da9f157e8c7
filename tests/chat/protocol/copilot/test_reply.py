"""A turn with consumer Copilot: every rule and trap of the wire page, and each row of failures, by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bingproject.errors import (
    AccountBlockedError,
    ChallengeRequiredError,
    InvalidRequestError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamTimeoutError,
)
from chat.protocol.copilot.turn import PING, REPORT_CONSENTS, SET_OPTIONS
from chat.protocol.events import (
    Citations,
    Dialect,
    Event,
    Finished,
    ImageMade,
    ReasoningDelta,
    Source,
    Suggestions,
    TextDelta,
)
from tests.chat.protocol.copilot.turns import CONNECTED, DONE, event, greeted, reply, sample, text
from tests.chat.protocol.playing import play, texts


def test_a_reply_is_a_dialect() -> None:
    """Whoever drives dialects can drive this one."""
    turn: Dialect = reply()
    assert (turn.finished, turn.phase, turn.progress, turn.has_text) == (False, "handshake", 0, False)


def test_rule_the_order_of_the_beginning() -> None:
    """Nothing before `connected`; then options, consents and the question, in this order."""
    turn = reply("2+2?")
    assert (turn.start(), turn.to_send()) == ([], [])
    assert turn.receive(CONNECTED) == []
    options, consents, question = turn.to_send()
    assert (options, consents) == (SET_OPTIONS, REPORT_CONSENTS)
    assert json.loads(question)["content"] == [{"type": "text", "text": "2+2?"}]
    assert (turn.to_send(), turn.phase, turn.progress) == ([], "waiting", 0)


@pytest.mark.parametrize("frame", [CONNECTED, event("received"), event("startMessage"), text("Hi")])
def test_rule_nothing_is_sent_twice(frame: str) -> None:
    """The question is out once: neither another greeting nor anything behind `received` brings it again."""
    turn = greeted()
    turn.receive(event("received"))
    turn.receive(frame)
    assert turn.to_send() == []


def test_frames_have_no_separator() -> None:
    """One JSON object a frame, and no byte more."""
    turn = reply()
    turn.receive(CONNECTED)
    for frame in [*turn.to_send(), *turn.keepalive()]:
        assert json.loads(frame)["event"] in {"setOptions", "reportLocalConsents", "send", "ping"}
        assert frame.endswith("}")


def test_t9_a_short_answer() -> None:
    """Pieces are deltas; title and suggestion come behind the end and are waited for."""
    events, code = play(reply(wants_suggestions=True), sample("short"))
    assert code == ""
    assert events == [
        TextDelta("Hello"),
        TextDelta(" there."),
        Suggestions(("What can you do?",)),
        Finished("Hello there.", "Hello there.", retire=False),
    ]


def test_t9_nothing_is_waited_for_that_is_not_wanted() -> None:
    """Without a wish for suggestions `done` is the end, and what follows it is nothing."""
    turn = reply()
    events, _ = play(turn, sample("short"))
    assert events[-1] == Finished("Hello there.", "Hello there.", retire=False)
    assert not any(isinstance(event, Suggestions) for event in events)
    assert (turn.finished, turn.phase, turn.keepalive()) == (True, "finished", [])


def test_t9_citations_in_the_order_of_their_first_appearance() -> None:
    """A source that comes again keeps its number; the marks in the text go, though one is cut in two."""
    events, code = play(reply(mode="search"), sample("search"))
    sources = (Source("Tide basics", "https://ex.test/a"), Source("Moon", "https://ex.test/b"))
    answer = "Tides follow the Moon."
    assert code == ""
    assert events == [
        TextDelta("Tides follow the Moon"),
        TextDelta("."),
        Citations(sources),
        Finished(answer, answer, retire=False),
    ]


def test_a_source_without_an_address_is_none() -> None:
    """And one without a title is called by its address."""
    frames = [
        text("4"), event("citation", title="x"), event("citation", url="javascript:x"), event("citation", url=7),
        event("citation", url="https://ex.test/a", title=""), DONE,
    ]  # fmt: skip
    events, _ = play(greeted(), frames)
    assert events[1] == Citations((Source("https://ex.test/a", "https://ex.test/a"),))


def test_rule_thoughts_are_no_answer() -> None:
    """What the model thinks aloud has events of its own."""
    events, _ = play(reply(mode="reasoning"), sample("reasoning"))
    assert events == [
        ReasoningDelta("They greet. "),
        ReasoningDelta("I greet back."),
        TextDelta("Hi."),
        Finished("Hi.", "Hi.", retire=False),
    ]
    assert play(greeted(), [event("chainOfThought", text=""), event("chainOfThought")]) == ([], "")


def test_t10_a_picture() -> None:
    """It is an answer without any text; rough versions of it are passed over."""
    turn = reply()
    events, code = play(turn, sample("image"))
    assert code == ""
    assert events == [
        ImageMade("https://copilot.microsoft.com/th/id/BCO.x.png", "red apple"),
        Finished("", "", retire=False),
    ]
    assert turn.has_text


@pytest.mark.parametrize("url", ["", None, 7, "data:image/png;base64,AAAA"])
def test_trap_a_picture_without_an_address_is_none(url: Any) -> None:
    """Then the turn had no answer."""
    assert play(greeted(), [event("imageGenerated", partId="p1", url=url), DONE]) == ([], "upstream_interrupted")


def test_a_picture_comes_once() -> None:
    """Told twice, shown once; one that nobody announced has no description."""
    made = event("imageGenerated", partId="p1", url="https://ex.test/a.png")
    events, _ = play(greeted(), [event("generatingImage", partId="p1", prompt=7), made, made, DONE])
    assert events[:-1] == [ImageMade("https://ex.test/a.png", "")]


def test_a_picture_that_fails() -> None:
    """Alone it is a failure that says so; beside text the text is the answer."""
    failed = event("imageGenerationFailed", partId="p1")
    turn = greeted()
    turn.receive(failed)
    with pytest.raises(UnexpectedResponseError) as caught:
        turn.receive(DONE)
    assert (caught.value.code, caught.value.detail) == ("upstream_interrupted", "the picture failed")
    events, code = play(greeted(), [text("I cannot draw that."), failed, DONE])
    assert (texts(events), code) == (["I cannot draw that."], "")


def test_rule_a_replacement_that_goes_on_gives_its_tail() -> None:
    """It is not appended: what is out already does not come twice."""
    frames = [text("Hel"), event("replaceText", partId="0", text="Hello"), text("!"), DONE]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["Hel", "lo", "!"]
    assert events[-1] == Finished("Hello!", "Hello!", retire=False)


def test_rule_a_replacement_that_rewrites_gives_nothing() -> None:
    """What is out cannot be recalled; the end says both. Pieces that come later are new and go out."""
    frames = [text("Hello"), event("replaceText", partId="0", text="Help"), text(" me"), DONE]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["Hello", " me"]
    assert events[-1] == Finished("Help me", "Hello me", retire=False)


def test_rule_a_replacement_without_a_part_is_of_the_whole() -> None:
    """Then it stands for all parts so far."""
    frames = [text("One ", "0"), text("two", "1"), event("replaceText", text="One two three"), text(".", "2"), DONE]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["One ", "two", " three", "."]
    assert events[-1] == Finished("One two three.", "One two three.", retire=False)


@pytest.mark.parametrize("kind", ["appendText", "replaceText"])
@pytest.mark.parametrize("value", [None, 7, ["x"], ""])
def test_text_of_another_kind_is_passed_over(kind: str, value: Any) -> None:
    """A missing or wrongly typed text is no text, and no crash."""
    events, _ = play(greeted(), [event(kind, partId="0", text=value), text("4"), DONE])
    assert texts(events) == ["4"]


def test_rule_row_21_unknown_events_are_skipped_and_counted() -> None:
    """Garbage too; what is known and of no use is not counted."""
    strange: list[str | bytes] = ["garbage", "[1]", "7", "{}", event(7), event("somethingNew"), b"\xff\xfe", ""]
    known = [event("modeSelected"), event("card"), event("taskUpdate"), event("partialImageGenerated", content="x")]
    events, code = play(greeted(), [*strange, *known, text("4"), DONE])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False, skipped=8)], "")


def test_events_before_the_greeting_do_not_count_as_one() -> None:
    """The question waits for `connected`."""
    turn = reply()
    assert turn.receive(event("somethingNew")) == []
    assert (turn.to_send(), turn.phase, turn.progress, turn.skipped) == ([], "handshake", 0, 1)


def test_rule_pongs_are_no_progress() -> None:
    """Whatever the server answers to pings, the timers run on."""
    turn = greeted()
    assert turn.keepalive() == [PING]
    turn.receive(event("pong"))
    assert (turn.progress, turn.phase, turn.skipped) == (0, "waiting", 0)
    turn.receive(event("received"))
    assert (turn.progress, turn.phase, turn.keepalive()) == (1, "answering", [PING])


def test_keepalive_pings_only_while_an_answer_is_awaited() -> None:
    """Not before the greeting, and not behind the answer."""
    assert reply().keepalive() == []
    turn = greeted(wants_suggestions=True)
    play(turn, [text("4"), DONE])
    assert (turn.phase, turn.keepalive()) == ("lingering", [])


def test_rule_lingering_ends_with_what_was_waited_for() -> None:
    """Other events neither end it nor make it longer; failures that come now are none."""
    turn = greeted(wants_suggestions=True)
    play(turn, [text("4"), DONE])
    progress = turn.progress
    others = [event("titleUpdate"), event("error", errorCode="x"), event("challenge"), event("banned"), DONE]
    assert play(turn, others) == ([], "")
    assert (turn.progress, turn.phase, turn.finished) == (progress, "lingering", False)
    assert turn.receive(event("suggestedFollowups", suggestions=["Why?", "", 7])) == [
        Suggestions(("Why?",)),
        Finished("4", "4", retire=False),
    ]


@pytest.mark.parametrize("ending", ["timed out", "closed", "disconnecting", "no suggestions"])
def test_rule_lingering_ends_well_whatever_ends_it(ending: str) -> None:
    """The answer is complete: neither the timer nor the socket's end is a failure."""
    turn = greeted(wants_suggestions=True)
    play(turn, [text("4"), DONE])
    ends: dict[str, Callable[[], list[Event]]] = {
        "timed out": turn.timed_out,
        "closed": lambda: turn.closed(1006),
        "disconnecting": lambda: turn.receive(event("disconnecting")),
        "no suggestions": lambda: turn.receive(event("suggestedFollowups", suggestions="Why?")),
    }
    assert ends[ending]() == [Finished("4", "4", retire=False)]


def test_suggestions_before_the_end_need_no_waiting() -> None:
    """They are told with it."""
    frames = [text("4"), event("suggestedFollowups", suggestions=["Why?"]), DONE]
    events, _ = play(greeted(wants_suggestions=True), frames)
    assert events[1:] == [Suggestions(("Why?",)), Finished("4", "4", retire=False)]


def test_rule_nothing_after_the_end_counts() -> None:
    """Neither events nor the socket's end."""
    turn = greeted()
    play(turn, [text("4"), DONE])
    assert (turn.receive(text("5")), turn.receive("garbage"), turn.closed(1000), turn.timed_out()) == ([], [], [], [])
    assert turn.skipped == 0


@pytest.mark.parametrize(
    ("name", "code"),
    [("text_too_long", "context_length_exceeded"), ("invalid_event", "upstream_protocol_error"),
     ("unavailable", "upstream_refused"), ("challenge_clearance", "challenge_required"),
     ("challenge_cloudflare", "challenge_required"), ("challenge_work", "challenge_required")],
)  # fmt: skip
def test_t11_t12_failed_turns(name: str, code: str) -> None:
    """Rows 14, 24, 25, 22 and 23, each by its code, and with no event before."""
    turn = reply()
    assert play(turn, sample(name)) == ([], code)
    assert (turn.to_send(), turn.has_text) == ([], False)


def test_row_14_too_long_is_the_callers_to_mend() -> None:
    """In the words that clients look for."""
    with pytest.raises(InvalidRequestError, match="this model's maximum context length is") as caught:
        greeted().receive(event("error", errorCode="text-too-long"))
    assert caught.value.param == "messages"


@pytest.mark.parametrize("code", ["something-new", None, 7, ["x"]])
def test_an_unknown_error_is_a_protocol_error(code: Any) -> None:
    """Its code goes to the log."""
    with pytest.raises(UnexpectedResponseError) as caught:
        greeted().receive(event("error", errorCode=code))
    assert (caught.value.code, caught.value.detail) == ("upstream_protocol_error", f"error {code}")


@pytest.mark.parametrize("method", [None, "cloudflare"])
def test_row_22_a_stale_clearance(method: str | None) -> None:
    """The operator is told what to do in which browser."""
    with pytest.raises(ChallengeRequiredError, match="User-Agent") as caught:
        greeted().receive(event("challenge", method=method, parameter=None))
    assert caught.value.detail == f"challenge {method}"


@pytest.mark.parametrize("method", ["hashcash", "copilot", "new", 7, ["x"]])
def test_row_23_other_challenges(method: Any) -> None:
    """Known or not, a human has to look."""
    with pytest.raises(ChallengeRequiredError, match="chat once"):
        greeted().receive(event("challenge", method=method, parameter="5f2b:18"))


def test_rows_22_and_23_a_challenge_after_text() -> None:
    """What is out stays out; the turn fails and sends nothing."""
    turn = reply()
    events, code = play(turn, sample("challenge_after_text"))
    assert (texts(events), code) == (["Hello", " th"], "challenge_required")
    assert (turn.to_send(), turn.has_text, turn.finished) == ([], True, False)


def test_row_22_a_challenge_before_the_question() -> None:
    """Also in the greeting's place."""
    assert play(reply(), [event("challenge", method=None)]) == ([], "challenge_required")


def test_row_5_a_banned_account() -> None:
    """Before text or behind it."""
    for frames in ([], [text("4")]):
        turn = greeted()
        play(turn, frames)
        with pytest.raises(AccountBlockedError):
            turn.receive(event("banned"))


@pytest.mark.parametrize("kind", ["chatMessageError", "disconnecting"])
@pytest.mark.parametrize("frames", [[], [text("4")]])
def test_rows_17_and_18_broken_off(kind: str, frames: list[str]) -> None:
    """A failure whatever is out."""
    assert play(greeted(), [*frames, event(kind)])[1] == "upstream_interrupted"


@pytest.mark.parametrize("code", [1000, 1006, 1011])
def test_rows_17_and_18_a_cut_is_an_interruption(code: int) -> None:
    """A socket that closes before the end is a failure, whatever its code and phase."""
    answering = greeted()
    play(answering, [text("4")])
    for turn in (reply(), greeted(), answering):
        with pytest.raises(UnexpectedResponseError, match="Copilot stopped") as caught:
            turn.closed(code)
        assert caught.value.code == "upstream_interrupted"


@pytest.mark.parametrize("frames", [[DONE], [text(" \n"), DONE], [text("\ue200cite\ue202turn0search1\ue201"), DONE]])
def test_row_19_an_end_without_an_answer(frames: list[str]) -> None:
    """It is never an empty success."""
    assert play(greeted(), frames)[1] == "upstream_interrupted"


def test_rows_9_and_20_silence() -> None:
    """Without a greeting it is a protocol error, later a timeout."""
    for turn, kind in ((reply(), UnexpectedResponseError), (greeted(), UpstreamTimeoutError)):
        with pytest.raises(kind) as caught:
            turn.timed_out()
        assert isinstance(caught.value, ServiceError)
        assert caught.value.code == ("timeout" if kind is UpstreamTimeoutError else "upstream_protocol_error")


def test_a_character_cut_between_two_pieces() -> None:
    """Its halves are joined; as frames of bytes too."""
    frames: list[str | bytes] = [text("Moon \ud83c"), text("\udf15 ok").encode(), DONE]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["Moon ", "\U0001f315 ok"]
