"""Whose tasks an operator means."""

from __future__ import annotations

import pytest

from creator.admin.filters import holders_of


@pytest.mark.parametrize(("text", "holders"), [
    ("anna", ("user:anna",)), ("user:anna", ("user:anna",)), ("open", ("open",)), ("no key", ("open",)),
])  # fmt: skip
def test_a_word_means_a_user_or_all_without_a_key(text: str, holders: tuple[str, ...]) -> None:
    """By id, with or without the holder's prefix."""
    assert holders_of(text) == holders
