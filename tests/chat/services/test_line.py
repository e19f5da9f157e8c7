"""The line of those who wait: nobody is overtaken, and nobody is held up who can do with another account."""

from __future__ import annotations

from chat.services.line import Line, Waiting


def test_first_come_first_served() -> None:
    """Whoever has others before them waits, in the line or not yet in it; other back ends have lines of their own."""
    line, first, second = Line(), Waiting("m365"), Waiting("m365")
    line.join(first)
    line.join(second)
    assert line.spoken_for("m365", None, first) == set()
    assert line.spoken_for("m365", None, second) is None
    assert line.spoken_for("m365", None) is None
    assert line.spoken_for("copilot", None) == set()
    assert (len(line.before("m365", second)), len(line.before("m365"))) == (1, 2)
    line.leave(first)
    assert line.spoken_for("m365", None, second) == set()


def test_who_waits_for_one_account_leaves_the_others_free() -> None:
    """And who waits for any comes before those that want one of these later."""
    line, bound = Line(), Waiting("m365", only=7)
    line.join(bound)
    assert line.spoken_for("m365", None) == {7}
    assert line.spoken_for("m365", 8) == set()
    assert line.spoken_for("m365", 7) is None
    line.join(Waiting("m365", excluded={8}))
    assert line.spoken_for("m365", 8) == set()
    assert line.spoken_for("m365", 9) is None
