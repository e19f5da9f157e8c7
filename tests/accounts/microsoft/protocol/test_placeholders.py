"""Words that stand where a secret should."""

from __future__ import annotations

import base64
import random

import pytest

from accounts.microsoft.protocol import explain_refusal, find_cookies
from accounts.microsoft.protocol.placeholders import is_placeholder


@pytest.mark.parametrize(
    "text", ["your cookie here", "<paste the cookie here>", "<session id>", "{cookie}", "[YOUR COOKIE]", "{{ bing.u }}"]
)
def test_placeholders_of_several_words_are_refused_by_name(text: str) -> None:
    """With and without brackets, also those of JSON."""
    assert explain_refusal(find_cookies(text)).startswith("This is a placeholder.")


def test_random_values_are_no_placeholders() -> None:
    """Hexadecimal and base64url, also with a placeholder's word at one end."""
    numbers = random.Random(1)
    for _ in range(200):
        data = numbers.randbytes(100)
        for value in (data.hex(), base64.urlsafe_b64encode(data).decode(), f"put_{data.hex()}", f"your{data.hex()}"):
            assert not is_placeholder(value)


def test_only_short_texts_are_looked_at_for_words() -> None:
    """A value of Bing's is longer than any placeholder."""
    assert is_placeholder("your cookie " * 10) and not is_placeholder("your cookie " * 100)
    assert not is_placeholder("") and not is_placeholder("x" * 5000)
