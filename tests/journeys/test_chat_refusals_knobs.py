"""Every odd way in which an answer may come: the caller gets all of it, whole and streamed, and nothing else.

Source of the list: docs/wire/chathub.md, section 5; the words are the sandbox's.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from bingproject.sandbox.copilot import scenarios as copilot_scenarios
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.m365 import scenarios as m365_scenarios
from bingproject.sandbox.providers import CATALOGUE
from chat.models import Conversation, Turn
from tests.journeys.chat_refusals import Asked, ChatScene, Row
from tests.journeys.test_chat_refusals import (
    ACCOUNT,
    CREATE,
    REFUSALS,
    SILENCE,
    SOCKET,
    STALLS,
    TURN,
    UPLOAD,
    WITHDRAWN,
)

# The same answer, however its records come: cut, bundled, repeated, between garbage, with less or more around it.
PLAIN = [
    "one-char", "many-records", "split-records", "split-utf8", "big", "several", "no-throttling", "garbage",
    "unknown-type", "user-echo", "id-repeat", "tail", "final-only", "card", "image-card", "no-type2", "no-type3",
    "late-type3", "last-turn", "suggestions", "picture", "delay=0.5", "pings=0.5",
]  # fmt: skip
# Where the text itself changes under way.
REWRITTEN = ["shrink", "id-change"]
# What no prompt can ask for, since it comes before any.
BEFORE = ["handshake-ping", "create-anonymous", "create-new-cookie"]
# Lengths and speeds, and what the model is told, which other journeys are about.
ELSEWHERE = {"words", "gap", "recall", "search", "nul"}
FAILURES = [*CREATE, *SOCKET, *STALLS, *SILENCE, *TURN, *ACCOUNT, *UPLOAD]


def test_each_word_of_the_sandbox_is_played() -> None:
    """What it can do to a chat stands in a table of these two files, so nothing is only said to be handled."""
    chat = {Stage.CREATE, Stage.SOCKET, Stage.UPLOAD, Stage.TURN, Stage.ANSWER}
    known = {name for name, scenario in CATALOGUE.items() if scenario.stage in chat}
    answered = [word.partition("=")[0] for word in (*PLAIN, *REWRITTEN, *BEFORE, *REFUSALS, *WITHDRAWN)]
    # What only the other two services do has tables of its own: test_back_ends.
    others = {*copilot_scenarios.CLEARANCE, *copilot_scenarios.TURN, *copilot_scenarios.ANSWER}
    others |= {*m365_scenarios.TURN, *m365_scenarios.ANSWER}
    assert known - others == {row.scenario for row in FAILURES} | {*answered} | ELSEWHERE


def ask_all(scene: ChatScene, words: list[str]) -> list[tuple[str, bool, Asked]]:
    """Each of them whole and streamed, several at a time."""
    cases = list(itertools.product(words, (False, True)))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda case: scene.ask(case[0], stream=case[1]), cases))
    return [(word, stream, asked) for (word, stream), asked in zip(cases, answers, strict=True)]


def check_whole(scene: ChatScene, asked: Asked, *, stream: bool) -> None:
    """A whole answer with its end, asked for once, nothing held."""
    assert (asked.status, asked.finish_reason, asked.error) == (200, "stop", None)
    assert asked.is_done == stream
    scene.check_tries(Row("", "", ""), asked)
    scene.check_cooldown(asked)


def test_an_answer_is_whole_however_it_comes(chat_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Every knob: the very words that were asked come back, once, to the last."""
    for word, stream, asked in ask_all(chat_scene, PLAIN):
        with subtests.test(word, stream=stream):
            check_whole(chat_scene, asked, stream=stream)
            assert asked.content.count(f"“{asked.prompt}”") == 1
            assert asked.content.endswith("The sandbox answers, not Bing.") or word == "picture"
            assert Turn.objects.get(prompt=asked.prompt).answer == asked.content


def test_an_answer_that_is_rewritten_under_way(chat_scene: ChatScene, subtests: pytest.Subtests) -> None:
    """Whole, it is the last word; a stream cannot take back what it has shown, and both end well."""
    for word, stream, asked in ask_all(chat_scene, REWRITTEN):
        with subtests.test(word, stream=stream):
            check_whole(chat_scene, asked, stream=stream)
            stored = Turn.objects.get(prompt=asked.prompt).answer
            assert asked.content == stored or stream
            assert stored


def test_a_search_comes_with_its_sources(chat_scene: ChatScene) -> None:
    """Structured, not within the text; whole and streamed alike."""
    for _, stream, asked in ask_all(chat_scene, ["search"]):
        check_whole(chat_scene, asked, stream=stream)
        assert [note["type"] for note in asked.message["annotations"]]
        assert asked.message["suggested_responses"]


@pytest.mark.parametrize("scenario", BEFORE)
def test_an_opening_may_be_odd(chat_scene: ChatScene, scenario: str) -> None:
    """A greeting in a ping's frame, an id of somebody not signed in, a cookie that changes: the turn is answered."""
    chat_scene.play(scenario)
    for stream in (False, True):
        asked = chat_scene.ask("hello", stream=stream, rule=True)
        check_whole(chat_scene, asked, stream=stream)
    assert Conversation.objects.count() == 2
