"""Callers that an operator may mean by a word."""

from __future__ import annotations

import pytest

from creator.admin.filters import caller_ids_of


@pytest.mark.parametrize(("text", "caller_ids"), [
    ("anna", ("user:anna",)), ("user:anna", ("user:anna",)), ("open", ("open",)), ("no key", ("open",)),
])  # fmt: skip
def test_a_word_means_a_user_or_all_without_a_key(text: str, caller_ids: tuple[str, ...]) -> None:
    """By id, with or without the prefix of a caller id."""
    assert caller_ids_of(text) == caller_ids
