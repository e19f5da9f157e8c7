"""Stop sequences and token limits."""

from __future__ import annotations

import random

import pytest

from chat.openai_format.cutting import Cut, Cutter, estimate_tokens


def run(cut: Cut, pieces: list[str]) -> tuple[str, str | None]:
    """What is shown of some pieces, and why it ended."""
    cutter = Cutter(cut)
    shown = "".join(cutter.feed(piece) for piece in pieces) + cutter.flush()
    return shown, cutter.reason


@pytest.mark.parametrize(
    ("cut", "pieces", "shown", "reason"),
    [
        (Cut(), ["ab", "c"], "abc", None),
        (Cut(("END",)), ["one E", "ND two"], "one ", "stop"),
        (Cut(("END",)), ["one EN", "D"], "one ", "stop"),
        (Cut(("END",)), ["one EN", "G two"], "one ENG two", None),
        (Cut(("END",)), ["one EN"], "one EN", None),
        (Cut(("b", "abc")), ["xabc"], "xa", "stop"),
        (Cut(("\n\n",)), ["a\n", "\nb"], "a", "stop"),
        (Cut(("aab",)), ["a", "a", "a", "b", "c"], "a", "stop"),
        (Cut((), 2), ["12345678"], "12345678", None),
        (Cut((), 2), ["1234", "56789"], "12345678", "length"),
        (Cut((), 2), ["12345678", "9", "0"], "12345678", "length"),
        (Cut((), 1), ["ééé"], "éé", "length"),
        (Cut((), 1), ["a\U0001f315"], "a", "length"),
        (Cut(("9",), 2), ["1234", "567890"], "12345678", "stop"),
        (Cut(("0",), 2), ["1234", "567890"], "12345678", "length"),
        (Cut(("xy",), 1), ["abcdx"], "abcd", "length"),
    ],
)
def test_cuts(cut: Cut, pieces: list[str], shown: str, reason: str | None) -> None:
    """The stop text is not shown, nor what follows a limit; a limit that is just reached is none."""
    assert run(cut, pieces) == (shown, reason)


def test_nothing_follows_a_cut() -> None:
    """Also not what was held back."""
    cutter = Cutter(Cut(("END",)))
    assert cutter.feed("one END two E") == "one "
    assert (cutter.feed("three"), cutter.flush()) == ("", "")


def test_pieces_do_not_matter() -> None:
    """However an answer comes, it is cut at the same place."""
    for seed in range(300):
        chance = random.Random(seed)
        text = "".join(chance.choice("abé") for _ in range(60))
        cut = Cut(("abab", "ba", "éé")[: chance.randrange(4)], chance.choice([None, 3, 10]))
        places = sorted(chance.randrange(61) for _ in range(10))
        pieces = [text[start:end] for start, end in zip([0, *places], [*places, 60], strict=True)]
        assert run(cut, pieces) == run(cut, [text])


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("月" * 4, 3)])
def test_estimate(text: str, tokens: int) -> None:
    """Four bytes a token, rounded up."""
    assert estimate_tokens(text) == tokens
