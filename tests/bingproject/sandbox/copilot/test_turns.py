"""The consumer's turns as events, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bingproject.sandbox.chat.chat_state import SandboxConversation, SandboxTurn
from bingproject.sandbox.chat.sample_text import compose
from bingproject.sandbox.chat.steps import Close, End, Step
from bingproject.sandbox.chat.turn_words import ANSWERED
from bingproject.sandbox.copilot.turns import CHALLENGES, ERRORS, MARK, CopilotScript
from tests.bingproject.sandbox.chat.relatives import Events

TEXT = "How high is the tide?"


def play(outcome: str = ANSWERED, *knobs: str, text: str = TEXT) -> list[Step]:
    """The steps of a turn."""
    turn = SandboxTurn("c1", "alice", 0, "0", text, None, "smart", ["nosearchall"], 0, None, 0.0, request_id="r1")
    if "search" in knobs:
        turn.options.clear()
    wanted: dict[str, float | None] = dict.fromkeys(knobs)
    answer = compose(turn, SandboxConversation("c1", "", "alice", 0.0), wanted, 0, mark=lambda _: "")
    script = CopilotScript(turn, answer, wanted, outcome=outcome, gap=0, at="now", origin="http://sandbox.test")
    return list(script.steps())


def events(steps: list[Step]) -> Events:
    """What is sent."""
    return Events([step for step in steps if isinstance(step, str)])


def test_a_plain_turn() -> None:
    """In the recorded order; ids count up; what comes after done is for who still listens."""
    steps = play()
    heard = events(steps)
    assert heard.kinds == [
        "received", "startMessage", "appendText", "partCompleted", "done", "titleUpdate", "suggestedFollowups",
    ]  # fmt: skip
    assert [one["id"] for one in heard.events] == [str(number) for number in range(1, len(heard.events) + 1)]
    assert heard.text == f"You wrote: “{TEXT}” That was turn 1. The sandbox answers, not Bing."
    assert End.SAID in steps and not any("\x1e" in frame for frame in heard.frames)


def test_sources_and_thoughts() -> None:
    """Thoughts before the text, citations after it."""
    heard = events(play(ANSWERED, "search", "think"))
    assert heard.kinds.index("chainOfThought") < heard.kinds.index("appendText") < heard.kinds.index("citation")
    assert all(one["title"] and one["url"] for one in heard.of("citation"))


@pytest.mark.parametrize(("knob", "last"), [("image", "imageGenerated"), ("image-failed", "imageGenerationFailed")])
def test_pictures(knob: str, last: str) -> None:
    """Announced, shown half-made twice, then there or not."""
    heard = events(play(ANSWERED, knob))
    assert [kind for kind in heard.kinds if "mage" in kind and "Message" not in kind] == [
        "generatingImage", "partialImageGenerated", last,
    ]  # fmt: skip
    assert events(play(ANSWERED, "image-empty")).of("imageGenerated")[0]["url"] == ""


def test_replacements() -> None:
    """One repeats what was said and goes on, the other says it differently."""
    answer = events(play()).text
    (longer,) = events(play(ANSWERED, "replace")).of("replaceText")
    (other,) = events(play(ANSWERED, "replace-other")).of("replaceText")
    assert answer.startswith(longer["text"])
    assert not answer.startswith(other["text"])


def test_marks_are_cut_in_two() -> None:
    """Neither half is the whole mark."""
    texts = [one["text"] for one in events(play(ANSWERED, "marks")).of("appendText")]
    assert MARK in "".join(texts) and MARK not in texts


@pytest.mark.parametrize("outcome", sorted(CHALLENGES))
def test_challenges(outcome: str) -> None:
    """After `received`, with a fractional id; then silence."""
    steps = play(outcome)
    (challenge,) = events(steps).of("challenge")
    assert (challenge["method"], challenge["parameter"]) == CHALLENGES[outcome]
    assert "." in challenge["id"] and steps[-1] is End.SILENCE


@pytest.mark.parametrize("outcome", sorted(ERRORS))
def test_errors(outcome: str) -> None:
    """A code and no text of any kind."""
    heard = events(play(outcome))
    assert [one["errorCode"] for one in heard.of("error")] == [ERRORS[outcome]]
    assert not heard.text


@pytest.mark.parametrize(
    ("outcome", "kinds", "last"),
    [
        ("silent", [], End.SILENCE),
        ("silent-after", ["received", "startMessage", "appendText"], End.SILENCE),
        ("cut-before", ["received", "startMessage"], End.CUT),
        ("close-after", ["received", "startMessage", "appendText"], Close(1000)),
        ("fail-after", ["received", "startMessage", "appendText"], Close(1011)),
        ("challenge-after", ["received", "startMessage", "appendText", "challenge"], End.SILENCE),
        ("unknown-error-after", ["received", "startMessage", "appendText", "error"], None),
        ("message-error", ["received", "chatMessageError"], None),
        ("message-error-after", ["received", "startMessage", "appendText", "chatMessageError"], None),
        ("disconnecting", ["received", "disconnecting"], Close(1000)),
        ("banned", ["received", "banned"], None),
    ],
)
def test_ends(outcome: str, kinds: list[str], last: Any) -> None:
    """How far it comes and how it stops."""
    steps = play(outcome)
    assert events(steps).kinds == kinds
    assert last is None or steps[-1] == last


def test_an_empty_answer() -> None:
    """Done without a word."""
    heard = events(play("empty-answer"))
    assert "done" in heard.kinds and not heard.text


def test_noise_is_no_part_of_the_answer() -> None:
    """Broken frames, unknown events and fractional ids stand between good ones."""
    heard = events(play(ANSWERED, "garbage", "unknown-type", "fraction-ids"))
    assert heard.text == events(play()).text
    assert {"sandCastle", "pong"} & {one["event"] for one in heard.events}


def test_what_comes_after_done_can_be_left_out_or_late() -> None:
    """No suggestions at all, or a pause before them."""
    assert events(play(ANSWERED, "no-followups")).kinds[-1] == "done"
    turn = json.loads(events(play(ANSWERED, "late-followups")).frames[-1])
    assert turn["event"] == "suggestedFollowups"
