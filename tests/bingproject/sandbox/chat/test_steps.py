"""Ways to cut a script's texts."""

from __future__ import annotations

from bingproject.sandbox.chat.steps import Close, End, Fragments, Step, cut_anywhere, fragmented, in_one_frame


def test_one_frame_holds_all_that_is_said() -> None:
    """Pauses are left out, an end comes after what was said."""
    steps: list[Step] = ["a", 0.1, "b", Close(1000)]
    assert list(in_one_frame(iter(steps))) == ["ab", Close(1000)]
    assert list(in_one_frame(iter(["a"]))) == ["a"]


def test_cuts_fall_anywhere() -> None:
    """The whole is the same; an end comes only when everything is out."""
    text = "one record\x1eand another one\x1e" * 3
    cut = list(cut_anywhere(iter([text, 0.5, End.CUT])))
    assert "".join(step for step in cut if isinstance(step, str)) == text
    assert len(cut) > 4 and cut[-1] is End.CUT


def test_fragments_cut_characters() -> None:
    """The parts join to the text, and some part is no text alone."""
    (step,) = fragmented(iter(["naïve größe"]))
    assert isinstance(step, Fragments)
    assert b"".join(step.parts).decode() == "naïve größe"
    assert any(part[0] & 0xC0 == 0x80 for part in step.parts)
