"""Sentences that clients of the original server compare: ours begin with them, word by word."""

from __future__ import annotations

import pytest

from bingproject.errors import MESSAGES, by_code

ORIGINAL = {
    "blocked": "Prompt rejected for content policy.",
    "cookie_expired": "Authentication failed. _U cookie is invalid or expired.",
    "cookie_not_set": "Cookie _U is not set.",
}


@pytest.mark.parametrize(("code", "sentence"), ORIGINAL.items())
def test_the_original_sentence_comes_first(code: str, sentence: str) -> None:
    """What follows says what to do; it never replaces or changes the sentence itself."""
    assert MESSAGES[code].startswith(sentence)
    assert by_code(code, "").message.startswith(sentence)
