"""What a sandbox can be told when it starts."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pytest

from bingproject.sandbox.core.options import Options, add_arguments, change_options, options_from, parse_range


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2, (2.0, 2.0)), (0.5, (0.5, 0.5)), ("30-60", (30.0, 60.0)), ("4", (4.0, 4.0)), ([1, 2], (1.0, 2.0))],
)
def test_a_range_is_a_number_or_two(value: object, expected: tuple[float, float]) -> None:
    """A number stands for both ends, text and pairs give both."""
    assert parse_range(value) == expected


@pytest.mark.parametrize("value", ["", "a", "1-2-3", "5-2", -1, (1, 2, 3), True, None, {}])
def test_what_is_no_range_is_refused(value: object) -> None:
    """Anything else is a ValueError."""
    with pytest.raises(ValueError):
        parse_range(value)


def test_options_change_by_name() -> None:
    """Each kind of option is read as its own kind."""
    options = change_options(Options(), {"image_seconds": "1-2", "boosts": 3, "journal": "here", "chat_gap": 0.5})
    assert (options.image_seconds, options.boosts, options.journal) == ((1.0, 2.0), 3, Path("here"))
    assert options.chat_gap == 0.5
    assert change_options(options, {"journal": None}).journal is None


@pytest.mark.parametrize(
    "changes", [{"nothing": 1}, {"boosts": -1}, {"boosts": "3"}, {"boosts": True}, {"chat_gap": -1}]
)
def test_unknown_or_unfit_options_are_refused(changes: dict[str, object]) -> None:
    """A name that does not exist or a value that does not fit is a ValueError."""
    with pytest.raises(ValueError):
        change_options(Options(), changes)


def test_the_command_line_gives_the_same_options(capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments become options; a bad range ends the program with a line that says why."""
    parser = ArgumentParser()
    add_arguments(parser)
    arguments = parser.parse_args(["--image-seconds", "30-60", "--boosts", "7", "--journal", "j", "--chat-gap", "0.5"])
    assert options_from(arguments) == Options(image_seconds=(30, 60), boosts=7, journal=Path("j"), chat_gap=0.5)
    assert options_from(parser.parse_args([])) == Options()
    with pytest.raises(SystemExit):
        parser.parse_args(["--image-seconds", "9-1"])
    assert "smaller to a larger" in capsys.readouterr().err
