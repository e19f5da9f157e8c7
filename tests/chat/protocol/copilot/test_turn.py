"""A turn with consumer Copilot: each rule, trap and row of docs/wire/copilot.md by its name."""

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
from chat.protocol.copilot.question import PING, REPORT_CONSENTS, SET_OPTIONS
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
from tests.chat.protocol.copilot.turns import CONNECTED, DONE, event, greeted, new_turn, sample, text
from tests.chat.protocol.playing import play, texts


def test_a_turn_is_a_dialect() -> None:
    """Anything that drives dialects can drive this one."""
    turn: Dialect = new_turn()
    assert (turn.finished, turn.phase, turn.progress, turn.has_text) == (False, "handshake", 0, False)


def test_rule_the_order_of_the_first_frames() -> None:
    """Nothing before `connected`; then options, consents and the question, in this order."""
    turn = new_turn("2+2?")
    assert (turn.start(), turn.to_send()) == ([], [])
    assert turn.receive(CONNECTED) == []
    options, consents, question = turn.to_send()
    assert (options, consents) == (SET_OPTIONS, REPORT_CONSENTS)
    assert json.loads(question)["content"] == [{"type": "text", "text": "2+2?"}]
    assert (turn.to_send(), turn.phase, turn.progress) == ([], "waiting", 0)


@pytest.mark.parametrize("frame", [CONNECTED, event("received"), event("startMessage"), text("Hi")])
def test_rule_nothing_is_sent_twice(frame: str) -> None:
    """The question is sent once: neither another greeting nor anything after `received` repeats it."""
    turn = greeted()
    turn.receive(event("received"))
    turn.receive(frame)
    assert turn.to_send() == []


def test_frames_have_no_separator() -> None:
    """Each frame is one JSON object and nothing more."""
    turn = new_turn()
    turn.receive(CONNECTED)
    for frame in [*turn.to_send(), *turn.keepalive()]:
        assert json.loads(frame)["event"] in {"setOptions", "reportLocalConsents", "send", "ping"}
        assert frame.endswith("}")


def test_t9_a_short_answer() -> None:
    """Pieces are deltas; title and suggestions follow the end and are waited for."""
    events, code = play(new_turn(wants_suggestions=True), sample("short"))
    assert code == ""
    assert events == [
        TextDelta("Hello"),
        TextDelta(" there."),
        Suggestions(("What can you do?",)),
        Finished("Hello there.", "Hello there.", retire=False),
    ]


def test_t9_unwanted_suggestions_are_not_waited_for() -> None:
    """Then `done` is the end, and later events are ignored."""
    turn = new_turn()
    events, _ = play(turn, sample("short"))
    assert events[-1] == Finished("Hello there.", "Hello there.", retire=False)
    assert not any(isinstance(event, Suggestions) for event in events)
    assert (turn.finished, turn.phase, turn.keepalive()) == (True, "finished", [])


def test_t9_citations_in_the_order_of_their_first_appearance() -> None:
    """A repeated source keeps its number; marks are removed from the text, also one that is cut in two."""
    events, code = play(new_turn(mode="search"), sample("search"))
    sources = (Source("Tide basics", "https://ex.test/a"), Source("Moon", "https://ex.test/b"))
    answer = "Tides follow the Moon."
    assert code == ""
    assert events == [
        TextDelta("Tides follow the Moon"),
        TextDelta("."),
        Citations(sources),
        Finished(answer, answer, retire=False),
    ]


def test_a_source_without_an_address_is_skipped() -> None:
    """One without a title has its address as title."""
    frames = [
        text("4"), event("citation", title="x"), event("citation", url="javascript:x"), event("citation", url=7),
        event("citation", url="https://ex.test/a", title=""), DONE,
    ]  # fmt: skip
    events, _ = play(greeted(), frames)
    assert events[1] == Citations((Source("https://ex.test/a", "https://ex.test/a"),))


def test_rule_thoughts_are_no_answer() -> None:
    """The model's reasoning has events of its own."""
    events, _ = play(new_turn(mode="reasoning"), sample("reasoning"))
    assert events == [
        ReasoningDelta("They greet. "),
        ReasoningDelta("I greet back."),
        TextDelta("Hi."),
        Finished("Hi.", "Hi.", retire=False),
    ]
    assert play(greeted(), [event("chainOfThought", text=""), event("chainOfThought")]) == ([], "")


def test_t10_a_picture() -> None:
    """It is an answer without any text; rough versions of it are ignored."""
    turn = new_turn()
    events, code = play(turn, sample("image"))
    assert code == ""
    assert events == [
        ImageMade("https://copilot.microsoft.com/th/id/BCO.x.png", "red apple"),
        Finished("", "", retire=False),
    ]
    assert turn.has_text


@pytest.mark.parametrize("url", ["", None, 7, "data:image/png;base64,AAAA"])
def test_trap_a_picture_without_an_address_is_skipped(url: Any) -> None:
    """Without another picture or text, the turn has no answer."""
    assert play(greeted(), [event("imageGenerated", partId="p1", url=url), DONE]) == ([], "upstream_interrupted")


def test_a_repeated_picture_is_sent_once() -> None:
    """One that was not announced has no description."""
    made = event("imageGenerated", partId="p1", url="https://ex.test/a.png")
    events, _ = play(greeted(), [event("generatingImage", partId="p1", prompt=7), made, made, DONE])
    assert events[:-1] == [ImageMade("https://ex.test/a.png", "")]


def test_a_picture_that_fails() -> None:
    """Without text the turn fails and says so; with text the text is the answer."""
    failed = event("imageGenerationFailed", partId="p1")
    turn = greeted()
    turn.receive(failed)
    with pytest.raises(UnexpectedResponseError) as caught:
        turn.receive(DONE)
    assert (caught.value.code, caught.value.detail) == ("upstream_interrupted", "the picture failed")
    events, code = play(greeted(), [text("I cannot draw that."), failed, DONE])
    assert (texts(events), code) == (["I cannot draw that."], "")


def test_rule_a_replacement_that_extends_the_text_gives_its_tail() -> None:
    """It is not appended: sent text is not repeated."""
    frames = [text("Hel"), event("replaceText", partId="0", text="Hello"), text("!"), DONE]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["Hel", "lo", "!"]
    assert events[-1] == Finished("Hello!", "Hello!", retire=False)


def test_rule_a_replacement_that_rewrites_gives_nothing() -> None:
    """Sent text cannot be recalled; the end reports both versions. Later pieces are new and are sent."""
    frames = [text("Hello"), event("replaceText", partId="0", text="Help"), text(" me"), DONE]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["Hello", " me"]
    assert events[-1] == Finished("Help me", "Hello me", retire=False)


def test_rule_a_replacement_without_a_part_replaces_all_parts() -> None:
    """Of the text so far."""
    frames = [text("One ", "0"), text("two", "1"), event("replaceText", text="One two three"), text(".", "2"), DONE]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["One ", "two", " three", "."]
    assert events[-1] == Finished("One two three.", "One two three.", retire=False)


@pytest.mark.parametrize("kind", ["appendText", "replaceText"])
@pytest.mark.parametrize("value", [None, 7, ["x"], ""])
def test_text_of_a_wrong_type_is_skipped(kind: str, value: Any) -> None:
    """A missing text likewise, and nothing raises."""
    events, _ = play(greeted(), [event(kind, partId="0", text=value), text("4"), DONE])
    assert texts(events) == ["4"]


def test_rule_row_21_unknown_events_are_skipped_and_counted() -> None:
    """Garbage too; known events without a use are not counted."""
    strange: list[str | bytes] = ["garbage", "[1]", "7", "{}", event(7), event("somethingNew"), b"\xff\xfe", ""]
    known = [event("modeSelected"), event("card"), event("taskUpdate"), event("partialImageGenerated", content="x")]
    events, code = play(greeted(), [*strange, *known, text("4"), DONE])
    assert (events, code) == ([TextDelta("4"), Finished("4", "4", retire=False, skipped=8)], "")


def test_an_event_before_connected_does_not_replace_it() -> None:
    """The question waits for `connected`."""
    turn = new_turn()
    assert turn.receive(event("somethingNew")) == []
    assert (turn.to_send(), turn.phase, turn.progress, turn.skipped) == ([], "handshake", 0, 1)


def test_rule_pongs_are_no_progress() -> None:
    """The timers continue, whatever the server answers to pings."""
    turn = greeted()
    assert turn.keepalive() == [PING]
    turn.receive(event("pong"))
    assert (turn.progress, turn.phase, turn.skipped) == (0, "waiting", 0)
    turn.receive(event("received"))
    assert (turn.progress, turn.phase, turn.keepalive()) == (1, "answering", [PING])


def test_keepalive_pings_only_while_an_answer_is_awaited() -> None:
    """Not before the greeting, and not after the answer."""
    assert new_turn().keepalive() == []
    turn = greeted(wants_suggestions=True)
    play(turn, [text("4"), DONE])
    assert (turn.phase, turn.keepalive()) == ("lingering", [])


def test_rule_lingering_ends_with_the_suggestions() -> None:
    """Other events neither end nor extend it, and failures in it are ignored."""
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
    """The answer is complete: neither the timer nor a closed socket is a failure."""
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
    """They are reported with the end."""
    frames = [text("4"), event("suggestedFollowups", suggestions=["Why?"]), DONE]
    events, _ = play(greeted(wants_suggestions=True), frames)
    assert events[1:] == [Suggestions(("Why?",)), Finished("4", "4", retire=False)]


def test_rule_nothing_after_the_end_counts() -> None:
    """Neither events nor a closed socket."""
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
    """Rows 14, 24, 25, 22 and 23: each has its code, and no event comes before it."""
    turn = new_turn()
    assert play(turn, sample(name)) == ([], code)
    assert (turn.to_send(), turn.has_text) == ([], False)


def test_row_14_a_text_that_is_too_long() -> None:
    """The message has the words that clients search for."""
    with pytest.raises(InvalidRequestError, match=r"\d characters: this model's maximum context length is") as caught:
        greeted().receive(event("error", errorCode="text-too-long"))
    assert caught.value.param == "messages"


@pytest.mark.parametrize("code", ["something-new", None, 7, ["x"]])
def test_an_unknown_error_is_a_protocol_error(code: Any) -> None:
    """Its code is in the log."""
    with pytest.raises(UnexpectedResponseError) as caught:
        greeted().receive(event("error", errorCode=code))
    assert (caught.value.code, caught.value.detail) == ("upstream_protocol_error", f"error {code}")


@pytest.mark.parametrize("method", [None, "cloudflare"])
def test_row_22_a_stale_clearance(method: str | None) -> None:
    """The message tells the operator what to do, and in which browser."""
    with pytest.raises(ChallengeRequiredError, match="User-Agent") as caught:
        greeted().receive(event("challenge", method=method, parameter=None))
    assert caught.value.detail == f"challenge {method}"


@pytest.mark.parametrize("method", ["hashcash", "copilot", "new", 7, ["x"]])
def test_row_23_other_challenges(method: Any) -> None:
    """Known or not, a human has to look."""
    with pytest.raises(ChallengeRequiredError, match="chat once"):
        greeted().receive(event("challenge", method=method, parameter="5f2b:18"))


def test_rows_22_and_23_a_challenge_after_text() -> None:
    """Sent text stays; the turn fails and sends nothing."""
    turn = new_turn()
    events, code = play(turn, sample("challenge_after_text"))
    assert (texts(events), code) == (["Hello", " th"], "challenge_required")
    assert (turn.to_send(), turn.has_text, turn.finished) == ([], True, False)


def test_row_22_a_challenge_before_the_question() -> None:
    """It may come instead of the greeting."""
    assert play(new_turn(), [event("challenge", method=None)]) == ([], "challenge_required")


def test_row_5_a_banned_account() -> None:
    """Before text or after it."""
    for frames in ([], [text("4")]):
        turn = greeted()
        play(turn, frames)
        with pytest.raises(AccountBlockedError):
            turn.receive(event("banned"))


@pytest.mark.parametrize("kind", ["chatMessageError", "disconnecting"])
@pytest.mark.parametrize("frames", [[], [text("4")]])
def test_rows_17_and_18_interrupted_by_an_event(kind: str, frames: list[str]) -> None:
    """It is a failure before text and after it."""
    assert play(greeted(), [*frames, event(kind)])[1] == "upstream_interrupted"


@pytest.mark.parametrize("code", [1000, 1006, 1011])
def test_rows_17_and_18_a_cut_is_an_interruption(code: int) -> None:
    """A socket that closes before the end is a failure, whatever its code and the phase."""
    answering = greeted()
    play(answering, [text("4")])
    for turn in (new_turn(), greeted(), answering):
        with pytest.raises(UnexpectedResponseError, match="Copilot stopped") as caught:
            turn.closed(code)
        assert caught.value.code == "upstream_interrupted"


@pytest.mark.parametrize("frames", [[DONE], [text(" \n"), DONE], [text("\ue200cite\ue202turn0search1\ue201"), DONE]])
def test_row_19_an_end_without_an_answer(frames: list[str]) -> None:
    """It is never an empty success."""
    assert play(greeted(), frames)[1] == "upstream_interrupted"


def test_rows_9_and_20_silence() -> None:
    """Before the greeting it is a protocol error, later a timeout."""
    for turn, kind in ((new_turn(), UnexpectedResponseError), (greeted(), UpstreamTimeoutError)):
        with pytest.raises(kind) as caught:
            turn.timed_out()
        assert isinstance(caught.value, ServiceError)
        assert caught.value.code == ("timeout" if kind is UpstreamTimeoutError else "upstream_protocol_error")


def test_a_character_cut_between_two_pieces() -> None:
    """Its halves are joined, also in frames of bytes."""
    frames: list[str | bytes] = [text("Moon \ud83c"), text("\udf15 ok").encode(), DONE]
    events, _ = play(greeted(), frames)
    assert texts(events) == ["Moon ", "\U0001f315 ok"]


def test_a_turn_that_is_left_needs_no_farewell() -> None:
    """Closing the socket ends it."""
    assert greeted().stop() == []
