"""Stop sequences and token limits."""

from __future__ import annotations

import random

import pytest

from chat.openai_format.truncation import Truncation, Truncator, estimate_tokens


def run(truncation: Truncation, pieces: list[str]) -> tuple[str, str | None]:
    """Return the shown part of some pieces, and why it ended."""
    truncator = Truncator(truncation)
    shown = "".join(truncator.feed(piece) for piece in pieces) + truncator.flush()
    return shown, truncator.reason


@pytest.mark.parametrize(
    ("truncation", "pieces", "shown", "reason"),
    [
        (Truncation(), ["ab", "c"], "abc", None),
        (Truncation(("END",)), ["one E", "ND two"], "one ", "stop"),
        (Truncation(("END",)), ["one EN", "D"], "one ", "stop"),
        (Truncation(("END",)), ["one EN", "G two"], "one ENG two", None),
        (Truncation(("END",)), ["one EN"], "one EN", None),
        (Truncation(("b", "abc")), ["xabc"], "xa", "stop"),
        (Truncation(("\n\n",)), ["a\n", "\nb"], "a", "stop"),
        (Truncation(("aab",)), ["a", "a", "a", "b", "c"], "a", "stop"),
        (Truncation((), 2), ["12345678"], "12345678", None),
        (Truncation((), 2), ["1234", "56789"], "12345678", "length"),
        (Truncation((), 2), ["12345678", "9", "0"], "12345678", "length"),
        (Truncation((), 1), ["ééé"], "éé", "length"),
        (Truncation((), 1), ["a\U0001f315"], "a", "length"),
        (Truncation(("9",), 2), ["1234", "567890"], "12345678", "stop"),
        (Truncation(("0",), 2), ["1234", "567890"], "12345678", "length"),
        (Truncation(("xy",), 1), ["abcdx"], "abcd", "length"),
    ],
)
def test_an_answer_is_cut(truncation: Truncation, pieces: list[str], shown: str, reason: str | None) -> None:
    """The stop sequence is not shown, nor text beyond the limit; an answer that just fits is not cut."""
    assert run(truncation, pieces) == (shown, reason)


def test_nothing_follows_a_cut() -> None:
    """Not even waiting text."""
    truncator = Truncator(Truncation(("END",)))
    assert truncator.feed("one END two E") == "one "
    assert (truncator.feed("three"), truncator.flush()) == ("", "")


def test_pieces_do_not_matter() -> None:
    """However an answer arrives, it is cut at the same place."""
    for seed in range(300):
        chance = random.Random(seed)
        text = "".join(chance.choice("abé") for _ in range(60))
        truncation = Truncation(("abab", "ba", "éé")[: chance.randrange(4)], chance.choice([None, 3, 10]))
        places = sorted(chance.randrange(61) for _ in range(10))
        pieces = [text[start:end] for start, end in zip([0, *places], [*places, 60], strict=True)]
        assert run(truncation, pieces) == run(truncation, [text])


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("月" * 4, 3)])
def test_four_bytes_are_a_token(text: str, tokens: int) -> None:
    """Rounded up."""
    assert estimate_tokens(text) == tokens
