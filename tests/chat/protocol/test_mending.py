"""Half characters and damaged JSON."""

from __future__ import annotations

import pytest

from chat.protocol.mending import Halves, load_object, mend


@pytest.mark.parametrize("raw", [b"", b"[1]", b"7", b"{", b"[" * 100_000])
def test_what_is_no_object_is_none(raw: bytes) -> None:
    """Neither garbage nor a list is read."""
    assert load_object(raw) is None


def test_an_object_keeps_its_halves() -> None:
    """Bytes that are no UTF-8 become marks, half characters stay for whoever can join them."""
    assert load_object(b'{"a":"\\ud83c","b":"\xff"}') == {"a": "\ud83c", "b": "\ufffd"}


def test_mending_reaches_every_text() -> None:
    """A half at the end goes, another one is marked, whole characters stay, and what is no text stays as it is."""
    value = {"k\ud83c": ["a\ud83c", "a\udf15b", "\U0001f315", "", 7, None]}
    assert mend(value) == {"k": ["a", "a\ufffdb", "\U0001f315", "", 7, None]}


def test_halves_find_each_other() -> None:
    """A character cut between two pieces comes out whole with the second."""
    halves = Halves()
    assert [halves.join(piece) for piece in ("Moon \ud83c", "\udf15 ok", "é")] == ["Moon ", "\U0001f315 ok", "é"]


def test_a_half_that_is_dropped_is_not_joined() -> None:
    """What comes next stands for itself; a half without its other one is marked."""
    halves = Halves()
    assert halves.join("a\ud83c") == "a"
    halves.drop()
    assert halves.join("b") == "b"
    assert halves.join("\ud83c") + halves.join("c") == "\ufffdc"
