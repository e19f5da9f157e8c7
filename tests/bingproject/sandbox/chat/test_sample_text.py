"""Answers made from the prompt."""

from __future__ import annotations

import json

import pytest

from bingproject.sandbox.chat.chat_state import SandboxConversation, SandboxTurn
from bingproject.sandbox.chat.sample_text import (
    LONGEST_ECHO,
    MOST_CHUNKS,
    SampleAnswer,
    chunked,
    compose,
    query,
    wants_search,
)


def turn(text: str, *, options: list[str] | None = None, image: str | None = None) -> SandboxTurn:
    """A first turn."""
    return SandboxTurn("c", "alice", 0, "0", text, None, "Precise", options or [], 0, image, 0.0)


def answer(text: str, *, words: int = 0, **knobs: float | None) -> SampleAnswer:
    """Compose an answer to a first turn."""
    return compose(turn(text), SandboxConversation("c", "914", "alice", 0.0), knobs, words)


@pytest.mark.parametrize("text", ["hi", "שלום ‏", "e\u0301 🇩🇪", ' "\\ \n\t ', "a" * LONGEST_ECHO, "  ", "\x01\x7f"])
def test_the_message_comes_back_byte_for_byte(text: str) -> None:
    """Right-to-left, combining, quotes, controls, white space: all there, and in chunks that join to it."""
    made = answer(text)
    assert f"“{text}”" in made.text
    assert json.loads(f'"{made.escaped}"') == made.text
    assert (made.ends[-1], made.escaped_ends[-1]) == (len(made.text), len(made.escaped))
    assert len(made.ends) <= MOST_CHUNKS
    assert json.loads(f'"{made.escaped[: made.escaped_ends[0]]}"') == made.text[: made.ends[0]]


def test_many_words_come_in_few_chunks() -> None:
    """No more chunks than it takes to look alive, unless a number of words was asked for."""
    made = answer("word " * 500)
    assert 30 <= len(made.ends) <= MOST_CHUNKS
    assert "word " * 500 in made.text


def test_a_long_message_comes_back_shortened() -> None:
    """Its beginning and three dots."""
    assert f"“{'a' * LONGEST_ECHO}…”" in answer("a" * (LONGEST_ECHO + 1)).text


@pytest.mark.parametrize("count", [1, 5, 13, 100, 1000])
def test_an_answer_has_exactly_so_many_words(count: int) -> None:
    """By the message's word or the option, a chunk for each, the echo first."""
    for made in (
        answer("hello", words=count),
        compose(turn("hello"), SandboxConversation("c", "", "a", 0), {"words": count}, 3),
    ):
        assert len(made.text.split()) == len(made.ends) == count
        assert made.text.startswith("You")
        assert made.text == made.text.strip()


def test_one_character_is_one_chunk() -> None:
    """However it is escaped."""
    made = compose(turn('"\n'), SandboxConversation("c", "", "a", 0), {"one-char": None}, 0)
    assert made.ends == list(range(1, len(made.text) + 1))


def test_recall_tells_what_is_known() -> None:
    """What was told before, what was said, which turn."""
    conversation = SandboxConversation(
        "c", "914", "alice", 0.0, told="Answer in rhyme.", said=[("user", "a"), ("bot", "b")]
    )
    made = compose(turn("sandbox:recall"), conversation, {"recall": None}, 0)
    assert json.loads(made.text) == {"turn": 0, "told": "Answer in rhyme.", "said": ["a"], "tone": "Precise"}


def test_searching_is_asked_for_or_seems_wanted() -> None:
    """By the word or by the message; never when the turn forbids it; the query lacks the sandbox's words."""
    assert wants_search(turn("a"), {"search": None})
    assert wants_search(turn("the latest tides"), {})
    assert not wants_search(turn("a researcher"), {})
    assert not wants_search(turn("news", options=["nosearchall"]), {"search": None})
    assert query(turn("sandbox:search=1 how high? sandbox:gap=0.5")) == "how high?"
    assert query(turn("sandbox:search")) == "sandbox"
    assert "[^1^]" in answer("news").text


def test_a_picture_is_named() -> None:
    """By its id, before all else."""
    made = compose(turn("hi", image="7-p"), SandboxConversation("c", "", "a", 0), {}, 0)
    assert made.text.startswith("I see the picture 7-p. You wrote")


def test_half_is_at_least_one_chunk() -> None:
    """Something is always shown before something happens half-way."""
    assert (chunked(["a"]).half, chunked(["a", "b", "c", "d"]).half) == (1, 2)
