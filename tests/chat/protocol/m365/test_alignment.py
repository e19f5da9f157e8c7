"""Whole texts beside the pieces of the same answer."""

from __future__ import annotations

import pytest

from chat.protocol.m365.alignment import find_tail

LINK = "[a link](https://a.example/page)"


@pytest.mark.parametrize(
    ("raw", "whole", "tail"),
    [
        ("", "Hello", "Hello"),
        ("Hello", "Hello you", " you"),
        ("Hello you", "Hello", ""),
        (f"See {LINK} for more", "See  for more", ""),
        (f"See {LINK} for more", "See  for more about tides", " about tides"),
        (f"See {LINK} for more", "See  for", ""),
        (f"See {LINK}", "See ", ""),
        (f"See {LINK}", "See  for more about tides", " for more about tides"),
        (f"{LINK}{LINK} and then some text", " and then some text.", "."),
        (f"{LINK} one two three four {LINK} five six seven", " one two three four  five six seven eight", " eight"),
        ("I say \ue200cite\ue202turn0search1\ue201 so", "I say  so, too", ", too"),
    ],
)
def test_the_tail_of_a_whole_text(raw: str, whole: str, tail: str) -> None:
    """Deleted links are passed over, wherever they stand."""
    assert find_tail(raw, whole) == tail


@pytest.mark.parametrize(
    ("raw", "whole"),
    [
        ("Hello", "Help me"),
        ("The Moon tides", "The Moon causes tides"),
        (f"See {LINK} for more", "Another wording altogether"),
        ("a[0] tides", "a[0] causes tides in"),
        ("[" + "x" * 5_000 + "]: end of the text", " end of the text"),
        (f"{LINK} one " * 1_001, " one " * 1_001),
    ],
)
def test_another_wording_has_no_tail(raw: str, whole: str) -> None:
    """More differs than what the filter deletes."""
    assert find_tail(raw, whole) is None
