"""Lone surrogates, U+0000 and damaged JSON."""

from __future__ import annotations

import pytest

from chat.protocol.surrogates import SurrogateJoiner, clean_json, contains_nul, load_object


@pytest.mark.parametrize("raw", [b"", b"[1]", b"7", b"{", b"[" * 100_000])
def test_anything_but_an_object_is_none(raw: bytes) -> None:
    """Garbage and lists are not read."""
    assert load_object(raw) is None


def test_an_object_keeps_its_lone_surrogates() -> None:
    """Bytes that are not UTF-8 become U+FFFD; surrogates stay for whoever can join them."""
    assert load_object(b'{"a":"\\ud83c","b":"\xff"}') == {"a": "\ud83c", "b": "\ufffd"}


def test_cleaning_reaches_every_text() -> None:
    """A half at the end is removed and others become U+FFFD; anything else stays unchanged."""
    value = {"k\ud83c": ["a\ud83c", "a\udf15b", "\U0001f315", "", 7, None]}
    assert clean_json(value) == {"k": ["a", "a\ufffdb", "\U0001f315", "", 7, None]}


def test_nul_is_removed() -> None:
    """No database column takes it; a pair that is cut beside one is still joined."""
    assert clean_json({"k\0": ["a\0b", "\ud83c\0", "\0"]}) == {"k": ["ab", "", ""]}
    joiner = SurrogateJoiner()
    assert [joiner.join(piece) for piece in ("Moon \ud83c\0", "\0\udf15 ok\0")] == ["Moon ", "\U0001f315 ok"]


def test_a_record_with_nul_is_recognised() -> None:
    """Frames are bytes or text."""
    assert [contains_nul(raw) for raw in (b"{}", "{}", b'{"a":"\\u0000"}', '{"a":"\\u0000"}')] == [
        False,
        False,
        True,
        True,
    ]


def test_the_halves_of_a_pair_are_joined() -> None:
    """A character that is cut between two pieces is sent with the second."""
    joiner = SurrogateJoiner()
    assert [joiner.join(piece) for piece in ("Moon \ud83c", "\udf15 ok", "é")] == ["Moon ", "\U0001f315 ok", "é"]


def test_a_half_that_is_dropped_is_not_joined() -> None:
    """The next text is independent of it; a half without its other one becomes U+FFFD."""
    joiner = SurrogateJoiner()
    assert joiner.join("a\ud83c") == "a"
    joiner.drop()
    assert joiner.join("b") == "b"
    assert joiner.join("\ud83c") + joiner.join("c") == "\ufffdc"
