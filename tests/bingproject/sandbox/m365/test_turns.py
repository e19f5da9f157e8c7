"""Microsoft 365's turns as records, without a socket."""

from __future__ import annotations

import pytest

from bingproject.sandbox.chat.chat_state import SandboxConversation, SandboxTurn
from bingproject.sandbox.chat.sample_text import compose
from bingproject.sandbox.chat.signalr_records import PING, Records
from bingproject.sandbox.chat.steps import Close, Echo, End, Step
from bingproject.sandbox.chat.turn_words import ANSWERED
from bingproject.sandbox.m365.turns import DAILY_LIMIT, RATE_TEXT, M365Script, filter_whole, mark
from tests.bingproject.sandbox.chat.chatters import Heard

TEXT = "How high “is” the tide, naïvely?"
PLAIN = f"You wrote: “{TEXT}” That was turn 1. The sandbox answers, not Bing."


def play(outcome: str = ANSWERED, *knobs: str, text: str = TEXT, is_stream_hub: bool = False) -> list[Step]:
    """The steps of a turn."""
    turn = SandboxTurn("c1", "alice", 0, "0", text, None, "Magic", [], 1, None, 0.0, request_id="r1")
    records = Records(conversation_id="c1", invocation_id="0", request_id="r1", now=0.0, expires=21600.0)
    wanted: dict[str, float | None] = dict.fromkeys(knobs)
    answer = compose(turn, SandboxConversation("c1", "", "alice", 0.0), wanted, 0, mark=mark)
    script = M365Script(
        records, turn, answer, wanted, origin="http://sandbox.test", outcome=outcome, is_stream_hub=is_stream_hub
    )
    return list(script.steps())


def heard(steps: list[Step]) -> Heard:
    """What is sent."""
    return Heard([step for step in steps if isinstance(step, str)])


def pieces(steps: list[Step]) -> str:
    """The answer as a client adds it up from snapshots and deltas."""
    full = ""
    for record in heard(steps).records:
        for argument in record.get("arguments", ()):
            texts = [one["text"] for one in argument.get("messages", ()) if "messageType" not in one]
            for text in texts:
                assert text.startswith(full)
                full = text
            if not argument.get("messages"):
                full += argument.get("writeAtCursor", "")
    return full


@pytest.mark.parametrize("knobs", [(), ("deltas-only",), ("snapshots-only",), ("garbage", "unknown-type")])
def test_the_text_adds_up(knobs: tuple[str, ...]) -> None:
    """From snapshots and deltas side by side, or from one kind alone; result.message is the whole answer."""
    steps = play(ANSWERED, *knobs)
    assert pieces(steps) == PLAIN
    assert heard(steps).item["result"]["message"] == PLAIN
    assert heard(steps).types[-2:] == [2, 3]


def test_final_only() -> None:
    """Nothing before the final record."""
    steps = play(ANSWERED, "final-only")
    assert pieces(steps) == "" and heard(steps).item["result"]["message"] == PLAIN


def test_sources_are_references_and_marks() -> None:
    """The text holds marks of private-use characters; what they stand for comes beside it."""
    steps = play(ANSWERED, "search")
    assert mark(1) in heard(steps).item["result"]["message"]
    shown = [one for one in heard(steps).messages if "references" in one]
    assert len(shown[0]["references"]) == 3 and shown[0]["sourceAttributions"] == []
    assert any(one.get("contentType") == "SearchResults" for one in heard(steps).messages)


def test_thoughts_and_tools() -> None:
    """Reasoning grows by snapshots; a tool's writeAtCursor is no part of the answer."""
    steps = play(ANSWERED, "think", "tool-delta")
    thoughts = [one["text"] for one in heard(steps).messages if one.get("contentOrigin") == "ChainOfThoughtSummary"]
    assert thoughts[1].startswith(thoughts[0])
    assert pieces(steps) == PLAIN


def test_a_picture() -> None:
    """It is announced without an address, and then told twice; the words of the answer are as ever."""
    steps = play(ANSWERED, "image")
    told = [one for one in heard(steps).messages if one.get("contentOrigin") == "ImageGeneration"]
    assert {(one["messageType"], one["contentType"]) for one in told} == {("Progress", "GraphicArt")}
    listed = [one["contentGenerationProgressList"][0]["ImageReferenceUrls"] for one in told]
    made = ["http://sandbox.test/th/id/BCO.How%20high%20%E2%80%9Cis%E2%80%9D%20the%20tide%2C%20na%C3%AFvely%3F.jpg"]
    assert listed == [[], made, made]
    assert pieces(steps) == PLAIN


@pytest.mark.parametrize(
    ("outcome", "last"),
    [("silent", End.SILENCE), ("pings-only", End.PINGS), ("cut-before", End.CUT), ("cut-after", End.CUT),
     ("close-after", Close(1000)), ("fail-before", Close(1011)), ("type7-after", Close(1000)),
     ("silent-after", End.SILENCE), ("pings-after", End.PINGS), ("token-dies", End.CUT)],
)  # fmt: skip
def test_ends(outcome: str, last: Step) -> None:
    """How a turn stops without a result."""
    steps = play(outcome)
    assert steps[-1] == last
    assert not heard(steps).item


@pytest.mark.parametrize(
    ("outcome", "value"),
    [("throttled", "Throttled"), ("no-allowance", "Throttled"), ("invalid-session", "InvalidSession")],
)
def test_refusals(outcome: str, value: str) -> None:
    """A result other than Success, and no text."""
    steps = play(outcome)
    assert heard(steps).value == value and pieces(steps) == ""


def test_used_up_credits_say_when_there_are_more() -> None:
    """By a meter beside the result, or by a clock time in a sentence that comes as the answer."""
    result = heard(play("out-of-credits")).item["result"]
    assert (result["value"], result["meteringInformation"][0]["remainingAllowance"]) == ("OutOfCredits", 0)
    assert result["meteringInformation"][0]["resetAt"] == "1970-01-01T02:00:00+00:00"
    assert pieces(play("daily-limit")) == DAILY_LIMIT


def test_words_in_place_of_an_answer() -> None:
    """Rate limits come as a sentence, refusals as Disengaged, drops as a bare type 3."""
    assert pieces(play("rate-text")) == RATE_TEXT
    assert [one["messageType"] for one in heard(play("disengaged-only")).messages][-1] == "Disengaged"
    assert heard(play("bare-type3")).types == [3]
    assert heard(play("error3-before")).records[-1]["error"]
    assert pieces(play("empty-answer")) == ""


def test_pings_that_must_come_back() -> None:
    """A step of its own, before the text."""
    assert any(isinstance(step, Echo) for step in play(ANSWERED, "echo-pings"))
    assert PING not in heard(play()).frames


def test_forms_of_the_final_record() -> None:
    """Big, shorter than what was said, or without a type 3."""
    assert len(heard(play(ANSWERED, "big")).frames[-1]) < 1 << 20  # no number, no size
    assert heard(play(ANSWERED, "shrink")).item["result"]["message"].startswith("In short")
    assert heard(play(ANSWERED, "no-type3")).types[-1] == 2
    assert len(heard(play(ANSWERED, "many-records")).frames) == 1


def test_whole_texts_lose_code_and_deltas_keep_it() -> None:
    """Links, names of link definitions and scripts; in snapshots, the last message and result.message."""
    code = 'call[name](event) [guide]: url <script src="/a.js"></script>'
    assert filter_whole(code) == "call  url </script>"
    steps = play(ANSWERED, "deltas-only", text=code)
    assert code in pieces(steps)
    assert code not in heard(steps).item["result"]["message"]
    assert "call  url </script>" in heard(steps).item["result"]["message"]


def test_stream_hub_sends_items_alone() -> None:
    """The same parts, each as the item of a type 2; the last one has the result."""
    records = heard(play(ANSWERED, is_stream_hub=True)).records
    assert {record["type"] for record in records} == {2, 3}
    items = [record["item"] for record in records if record["type"] == 2]
    assert [index for index, item in enumerate(items) if "result" in item] == [len(items) - 1]
    assert sum("writeAtCursor" in item for item in items) > 1
