"""The line of those who wait: nobody is overtaken, and nobody is held up who can do with another account."""

from __future__ import annotations

from chat.services.line import Line, Waiting, is_held_up, is_spoken_for


def test_first_come_first_served() -> None:
    """Whoever has others before them waits, in the line or not yet in it; other back ends have lines of their own."""
    line, first, second = Line(), Waiting("m365"), Waiting("m365")
    line.join(first)
    line.join(second)
    assert not is_held_up(None, line.before("m365", first))
    assert is_held_up(None, line.before("m365", second))
    assert is_held_up(7, line.before("m365"))
    assert line.before("copilot") == []
    assert (len(line.before("m365", second)), len(line.before("m365"))) == (1, 2)
    line.leave(first)
    assert not is_held_up(None, line.before("m365", second))


def test_who_waits_for_one_account_leaves_the_others_free() -> None:
    """Only that one is spoken for."""
    earlier = [Waiting("m365", only=7)]
    assert not is_held_up(None, earlier)
    assert [is_spoken_for(account, earlier) for account in (7, 8)] == [True, False]
    assert [is_held_up(account, earlier) for account in (7, 8)] == [True, False]


def test_who_may_not_have_an_account_leaves_it_free() -> None:
    """To whoever comes later, for that one or for any; of several it is what none of them may have."""
    earlier = [Waiting("m365", excluded={8})]
    assert not is_held_up(None, earlier)
    assert [is_held_up(account, earlier) for account in (8, 9)] == [False, True]
    earlier.append(Waiting("m365", excluded={8, 9}))
    assert [is_spoken_for(account, earlier) for account in (7, 8, 9)] == [True, False, True]
    earlier.append(Waiting("m365", only=8))
    assert is_spoken_for(8, earlier)
