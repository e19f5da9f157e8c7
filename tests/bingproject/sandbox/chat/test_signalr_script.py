"""What turns over SignalR have in common, by either of their scripts, without a socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bingproject.sandbox.chat.chat_state import SandboxConversation, SandboxTurn
from bingproject.sandbox.chat.sample_text import compose
from bingproject.sandbox.chat.signalr_records import SEPARATOR, Records
from bingproject.sandbox.chat.signalr_script import BREAKS, GARBAGE, REFUSALS, RecordScript
from bingproject.sandbox.chat.steps import Close, End, Fragments, Step
from bingproject.sandbox.chat.turn_words import ANSWERED
from bingproject.sandbox.chathub.turns import Script
from bingproject.sandbox.m365.turns import M365Script
from tests.bingproject.sandbox.chat.chatters import Heard

Play = Callable[..., list[Step]]


def _bing(records: Records, turn: SandboxTurn, wanted: dict[str, float | None], outcome: str) -> RecordScript:
    answer = compose(turn, SandboxConversation("c1", "", "alice", 0.0), wanted, 0)
    return Script(records, turn, answer, wanted, outcome=outcome)


def _m365(records: Records, turn: SandboxTurn, wanted: dict[str, float | None], outcome: str) -> RecordScript:
    answer = compose(turn, SandboxConversation("c1", "", "alice", 0.0), wanted, 0)
    return M365Script(records, turn, answer, wanted, origin="http://sandbox.test", outcome=outcome)


@pytest.fixture(params=[_bing, _m365], ids=["bing", "m365"])
def play(request: pytest.FixtureRequest) -> Play:
    """Plays a turn of either service."""

    def steps(outcome: str = ANSWERED, **knobs: float | None) -> list[Step]:
        turn = SandboxTurn("c1", "alice", 0, "0", "How high?", None, "Magic", [], 1, None, 0.0, request_id="r1")
        records = Records(conversation_id="c1", invocation_id="0", request_id="r1", now=0.0, expires=21600.0)
        wanted = {name.replace("_", "-"): number for name, number in knobs.items()}
        return list(request.param(records, turn, wanted, outcome).steps())

    return steps


def texts(steps: list[Step]) -> list[str]:
    """What is sent."""
    return [step for step in steps if isinstance(step, str)]


@pytest.mark.parametrize("kind", sorted(BREAKS))
@pytest.mark.parametrize("when", ["before", "after"])
def test_breaks(play: Play, kind: str, when: str) -> None:
    """A cut line, a close, an error record: never a final record."""
    steps = play(f"{kind}-{when}")
    assert not Heard(texts(steps)).item
    ends = {"cut": End.CUT, "close": Close(1000), "fail": Close(1011), "type7": Close(1000)}
    assert kind == "error3" or steps[-1] == ends[kind]
    assert kind != "error3" or Heard(texts(steps)).records[-1]["error"]
    assert kind != "type7" or Heard(texts(steps)).types[-1] == 7


@pytest.mark.parametrize("outcome", sorted(REFUSALS))
def test_refusals(play: Play, outcome: str) -> None:
    """The value, the message with the conversation's id, and a type 3 in the same frame."""
    heard = Heard(texts(play(outcome)))
    value, message, with_error = REFUSALS[outcome]
    assert (heard.value, heard.item["result"]["message"]) == (value, message.format("c1"))
    assert ("error" in heard.item["result"]) is with_error
    assert heard.types[-2:] == [2, 3]


def test_ways_to_cut_records(play: Play) -> None:
    """All in one frame, cut anywhere, or in fragments: the stream is the same."""
    whole = "".join(texts(play()))
    assert texts(play(many_records=None)) == [whole]
    pieces = texts(play(split_records=None))
    assert "".join(pieces) == whole
    assert not all(piece.endswith(SEPARATOR) for piece in pieces)
    fragments = [step for step in play(split_utf8=None) if isinstance(step, Fragments)]
    assert b"".join(part for one in fragments for part in one.parts).decode() == whole


def test_a_delay_comes_first(play: Play) -> None:
    """Before any record."""
    assert play(delay=3.0)[0] == 3.0
    assert play(delay=3.0, gap=0.5).count(0.5) > 1


def test_noise(play: Play) -> None:
    """Garbage and kinds that nobody knows stand between the good records."""
    heard = Heard(texts(play(garbage=None, unknown_type=None, words=40)))
    assert {line + SEPARATOR for line in GARBAGE} <= set(heard.frames)
    assert 42 in heard.types
    assert "SandCastle" in [one.get("messageType") for one in heard.messages]


def test_last_words(play: Play) -> None:
    """They may be shorter than what was shown, and stand in a record of some megabytes."""
    assert "In short: You" in texts(play(shrink=None))[-1]
    assert 1 << 20 < len(texts(play(big=1.0))[-1]) < 3 << 19
