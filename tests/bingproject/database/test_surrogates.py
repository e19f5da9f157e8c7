"""Halves of surrogate pairs."""

from __future__ import annotations

import pytest

from bingproject.database.surrogates import repair_surrogates


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("", ""),
        ("fox \U0001f98a", "fox \U0001f98a"),
        ("\ud83e\udd8a", "\U0001f98a"),
        ("a\ud83e", "a\ufffd"),
        ("\udd8ab", "\ufffdb"),
        ("\udd8a\ud83e", "\ufffd\ufffd"),
    ],
)
def test_pairs_are_joined_and_lone_halves_marked(text: str, repaired: str) -> None:
    """The result can be encoded, and whole characters stay as they are."""
    assert repair_surrogates(text) == repaired
    assert repaired.encode().decode() == repaired
