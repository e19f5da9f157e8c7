"""Citation marks are removed, wherever a text is cut."""

from __future__ import annotations

import pytest

from chat.protocol.citation_marks import MarkStripper, strip_marks

MARKED = [
    ("Tides\ue200cite\ue202turn0search1\ue201 rise", "Tides rise"),
    ("Tides\ue200cite\ue202turn0search1\ue202turn12view3\ue201.", "Tides."),
    ("a\ue200filecite\ue202turn0file0\ue202L8-L13\ue201b", "ab"),
    ("a\ue200cite\ue201b\ue200cite\ue202turn1news2\ue201c", "abc"),
    ("a\ue200\ue201b", "ab"),
    ("a\ue200citation\ue201b", "acitationb"),
    ("a\ue200fancy\ue201", "afancy"),
    ("a\ue200cite\ue202other\ue201b", "aotherb"),
    ("a\ue200cite\ue202turn0search1\ue201Language", "aLanguage"),
]


@pytest.mark.parametrize(("text", "clean"), MARKED)
def test_marks_are_stripped(text: str, clean: str) -> None:
    """A mark is removed with the names in it; of anything else only the delimiter is."""
    assert strip_marks(text) == clean


@pytest.mark.parametrize(("text", "clean"), MARKED)
def test_a_mark_cut_in_two_is_stripped(text: str, clean: str) -> None:
    """The text is cut at every place, and into single characters."""
    for at in range(len(text) + 1):
        stripper = MarkStripper()
        assert stripper.feed(text[:at]) + stripper.feed(text[at:]) + stripper.feed(".") == strip_marks(text + ".")
    stripper = MarkStripper()
    assert "".join(stripper.feed(character) for character in text + ".") == strip_marks(text + ".")
    assert strip_marks(text + ".") == clean + "."


@pytest.mark.parametrize("text", ["", "plain", "Äpfel 🍎", "icon \ue0a0 and \uf8ff", "cite turn0search1"])
def test_other_text_does_not_wait(text: str) -> None:
    """Letters of any script and private-use characters that are no delimiters pass unchanged."""
    assert MarkStripper().feed(text) == text


def test_nothing_waits_that_cannot_be_a_mark() -> None:
    """Text in front of a possible mark is sent, and the rest follows once it is none."""
    stripper = MarkStripper()
    assert [stripper.feed(piece) for piece in ("a\ue200ci", "der", " b")] == ["a", "cider", " b"]


def test_a_mark_cut_off_at_the_end_is_dropped() -> None:
    """A text that ends inside a mark ends in front of it."""
    assert strip_marks("Tides\ue200cite\ue202turn0sea") == "Tides"
