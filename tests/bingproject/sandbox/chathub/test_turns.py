"""Turns as steps, without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bingproject.sandbox.chat.chat_state import SandboxConversation, SandboxTurn
from bingproject.sandbox.chat.sample_text import compose
from bingproject.sandbox.chat.signalr_records import PING, SEPARATOR, Records
from bingproject.sandbox.chat.signalr_script import BREAKS
from bingproject.sandbox.chat.steps import Close, End, Fragments, Step
from bingproject.sandbox.chat.turn_words import ANSWERED
from bingproject.sandbox.chathub.turns import Script
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.providers import CATALOGUE
from tests.bingproject.sandbox.chat.chatters import Heard

TEXT = "How high “is” the tide, naïvely?"
PLAIN = f"You wrote: “{TEXT}” That was turn 1. The sandbox answers, not Bing."


def play(outcome: str = ANSWERED, *bare: str, text: str = TEXT, gap: float = 0.0, **knobs: float | None) -> list[Step]:
    """Return the steps of a turn; knobs with a number are written with underscores."""
    wanted = dict.fromkeys(bare) | {name.replace("_", "-"): number for name, number in knobs.items()}
    conversation = SandboxConversation("51D|BingProd|AB", "914", "alice", 0.0)
    turn = SandboxTurn("51D|BingProd|AB", "alice", 0, "3", text, None, "Precise", [], 0, None, 0.0, request_id="r1")
    records = Records(conversation_id=turn.conversation, invocation_id="3", request_id="r1", now=0.0, expires=21600.0)
    records.used, records.limit = 1, 30
    answer = compose(turn, conversation, wanted, 0)
    return list(Script(records, turn, answer, wanted, outcome=outcome, gap=gap).steps())


def hear(steps: list[Step]) -> Heard:
    """What a client gets of it."""
    parts = [b"".join(step.parts).decode() if isinstance(step, Fragments) else step for step in steps]
    return Heard([part for part in parts if isinstance(part, str)])


def test_a_plain_turn_is_throttling_updates_and_an_end() -> None:
    """Every chunk is an update with the text so far; invocationId comes back in types 2 and 3."""
    steps = play(gap=0.5)
    heard = hear(steps)
    assert heard.answer == heard.texts[-1] == PLAIN
    assert len(heard.texts) == len(PLAIN.split())
    assert steps.count(0.5) == len(heard.texts) - 1
    assert [one["invocationId"] for one in heard.records[-2:]] == ["3", "3"]
    assert heard.item["messages"][0]["author"] == "user"
    assert heard.item["messages"][-1]["adaptiveCards"][0]["body"][0]["text"] == PLAIN + "\n"
    assert heard.item["conversationExpiryTime"] == "1970-01-01T06:00:00+00:00"


def test_every_outcome_plays() -> None:
    """Each turn scenario gives steps; all but silence, cuts and closes end in a type 2 or 3."""
    for name, one in CATALOGUE.items():
        if one.stage is not Stage.TURN:
            continue
        steps = play(name)
        last = steps[-1]
        assert isinstance(last, Close | End) or hear([last]).types[-1] in (2, 3), name


@pytest.mark.parametrize("kind", sorted(BREAKS))
def test_breaks_come_before_or_after_half_of_the_text(kind: str) -> None:
    """Before, there is no text but the throttling; after, half of it; there is no type 2 either way."""
    before, after = hear(play(f"{kind}-before")), hear(play(f"{kind}-after"))
    assert before.types[:1] == [1]
    assert not before.texts
    assert 1 <= len(after.texts) < len(PLAIN.split())
    assert 2 not in before.types + after.types


def test_the_ends_of_broken_turns() -> None:
    """TCP cut, close codes, a type 7 and a type 3 with an error, silence and endless pings."""
    assert play("cut-after")[-1] is End.CUT
    assert [play(name)[-1] for name in ("close-after", "fail-after", "too-long")] == [
        Close(1000),
        Close(1011),
        Close(1000),
    ]
    *_, closing, end = play("type7-before")
    assert isinstance(closing, str)
    assert (json.loads(closing[:-1])["allowReconnect"], end) == (True, Close(1000))
    assert hear(play("error3-before")).records[-1]["error"]
    assert [play("silent"), play("silent-after")[-1]] == [[End.SILENCE], End.SILENCE]
    assert [play("pings-only"), play("pings-after")[-1]] == [[End.PINGS], End.PINGS]


def test_disengaged_and_apologies() -> None:
    """Before text: Disengaged has no text, the apology its origin; after: the same id, or another."""
    disengaged, apology = hear(play("disengaged")).messages
    assert (disengaged["messageType"], "text" in disengaged) == ("Disengaged", False)
    assert apology["contentOrigin"] == "Apology"
    assert len(hear(play("disengaged-only")).messages) == 1
    same, other = hear(play("apology-after")), hear(play("apology-after-new"))
    assert same.messages[-1]["messageId"] == same.messages[0]["messageId"]
    assert other.messages[-1]["messageId"] != other.messages[0]["messageId"]
    assert same.answer == ""
    assert PLAIN.startswith(other.answer)
    assert hear(play("disengaged-after")).messages[-1]["messageType"] == "Disengaged"


def test_successes_without_an_answer() -> None:
    """No message, one without text, a card alone, a bare type 3, no type 2, no result."""
    assert [one["author"] for one in hear(play("empty-answer")).item["messages"]] == ["user"]
    assert hear(play("blank-answer")).texts == [""]
    assert hear(play("card-only")).item["messages"][-1]["messageType"] == "RenderCardRequest"
    assert hear(play("bare-type3")).types == [3]
    without = hear(play("no-type2"))
    assert (without.texts[-1], 2 in without.types, without.types[-1]) == (PLAIN, False, 3)
    assert "result" not in hear(play("no-result")).item


def test_an_anonymous_captcha_has_another_id() -> None:
    """The id says that nobody is signed in."""
    assert hear(play("captcha-anonymous")).item["conversationId"] == "51D|BingProdUnAuthenticatedUsers|AB"


def test_a_search_comes_first_and_a_card_last() -> None:
    """Query, results and loader, then citations, attributions and suggestions; the last message is no answer."""
    assert play(search=None, gap=0.1).count(0.1) == len(hear(play(search=None)).texts) + 1
    heard = hear(play(search=None))
    kinds = [one.get("messageType") for one in heard.messages]
    assert kinds[:3] == ["InternalSearchQuery", "InternalSearchResult", "InternalLoaderMessage"]
    assert heard.messages[0]["hiddenText"] == TEXT
    results = heard.messages[1]["groundingInfo"]["web_search_results"]
    closing = heard.messages[-1]
    assert [one["seeMoreUrl"] for one in closing["sourceAttributions"]] == [one["url"] for one in results]
    assert {one["messageType"] for one in closing["suggestedResponses"]} == {"Suggestion"}
    assert "[^1^]" in heard.answer
    assert heard.item["messages"][-1]["messageType"] == "RenderCardRequest"
    assert heard.item["result"]["message"] == heard.item["messages"][-1]["text"] != heard.answer


def test_chunks_of_every_kind_give_the_same_records() -> None:
    """One frame, cut anywhere, fragmented: what is put together again is the plain turn."""
    plain = hear(play()).records
    assert hear(play(many_records=None)).records == plain
    assert len(play(many_records=None)) == 1
    assert play("silent", "many-records") == [End.SILENCE]
    cut = play(split_records=None)
    assert hear(cut).records == plain
    assert any(isinstance(step, str) and not step.endswith(SEPARATOR) for step in cut)
    pieces = play(split_utf8=None)
    assert hear(pieces).records == plain
    assert any(isinstance(step, Fragments) and step.parts[1][0] & 0xC0 == 0x80 for step in pieces)
    assert all(isinstance(step, Fragments) for step in pieces)


def test_an_end_stays_behind_what_was_said() -> None:
    """Joined or cut, the text before a broken line is all there."""
    plain = hear(play("cut-after")).records
    for knob in ("many-records", "split-records"):
        steps = play("cut-after", knob)
        assert steps[-1] is End.CUT
        assert hear(steps).records == plain


def test_one_character_at_a_time() -> None:
    """As many updates as characters, whatever has to be escaped."""
    heard = hear(play(text='a"\n\\b', one_char=None))
    assert [len(text) for text in heard.texts] == list(range(1, len(heard.answer) + 1))
    assert 'a"\n\\b' in heard.answer


def test_ids_change_half_way() -> None:
    """Once the text starts anew, once it repeats all; the final record ends with the second id."""
    anew, again = hear(play(id_change=None)), hear(play(id_repeat=None))
    ids = {one["messageId"] for one in anew.messages}
    assert len(ids) == len({one["messageId"] for one in again.messages}) == 2
    first = next(text for text, later in zip(anew.texts, anew.texts[1:], strict=False) if not later.startswith(text))
    assert first + anew.answer == PLAIN
    assert again.answer == again.texts[-1] == PLAIN
    assert anew.item["messages"][-1]["messageId"] == anew.messages[-1]["messageId"]


def test_texts_that_differ_at_the_end() -> None:
    """Shorter and reworded; a missing tail; nothing but the end."""
    shrunk = hear(play(shrink=None))
    assert shrunk.answer == shrunk.texts[-1]
    assert not PLAIN.startswith(shrunk.answer)
    assert len(shrunk.answer) < len(shrunk.texts[-2])
    tail, final = hear(play(tail=None)), hear(play(final_only=None))
    assert tail.answer == PLAIN != tail.texts[-1]
    assert (final.answer, final.texts) == (PLAIN, [])


def test_noise_between_good_records() -> None:
    """Garbage and unknown kinds stand between updates; the answer is the same."""
    for knob in ("garbage", "unknown-type", "several", "user-echo", "card", "image-card", "picture"):
        heard = hear(play(ANSWERED, knob))
        assert heard.answer == PLAIN, knob
        assert len("".join(heard.frames)) > len("".join(hear(play()).frames)), knob
    assert hear(play(image_card=None)).item["messages"][-1]["adaptiveCards"][0]["body"][0]["type"] == "Image"
    assert "nothing like JSON" + SEPARATOR in play(garbage=None)
    several = [
        len(one["arguments"][0].get("messages", [])) for one in hear(play(several=None)).records if one["type"] == 1
    ]
    assert max(several) == 3
    assert hear(play(picture=None)).messages[0]["contentType"] == "IMAGE"


def test_openings_and_ends() -> None:
    """A delay, pings for a while, no throttling, no type 3, a late one, a big final record."""
    assert play(delay=3)[0] == 3.0
    assert play(pings=1)[:20].count(PING) == 10
    assert hear(play(no_throttling=None)).messages == hear(play()).messages
    assert "throttling" not in play(no_throttling=None)[0]  # type: ignore[operator] # the first step is a text
    assert hear(play(no_type3=None)).types[-1] == 2
    late: list[Any] = play(late_type3=1)[-3:]
    assert (late[0], late[1], hear([late[2]]).types) == (End.SAID, 1.0, [3])
    assert len(play(big=1)[-1]) > 1 << 20  # type: ignore[arg-type] # the last step is a text
