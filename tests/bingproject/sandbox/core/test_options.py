"""What a sandbox can be told when it starts."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import pytest

from bingproject.sandbox.core.options import add_arguments, change_options, options_from, parse_range
from bingproject.sandbox.providers import DEFAULTS, PROVIDER_OPTIONS


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
    options = change_options(DEFAULTS, {"image_seconds": "1-2", "boosts": 3, "journal": "here", "chat_gap": 0.5})
    assert (options.image_seconds, options.boosts, options.journal) == ((1.0, 2.0), 3, Path("here"))
    assert options.chat_gap == 0.5
    assert change_options(options, {"journal": None}).journal is None


def test_a_stand_ins_option_is_one_among_the_others() -> None:
    """It changes by its name, is described beside the others, and leaves the other stand-ins' as they were."""
    options = change_options(DEFAULTS, {"m365_max_turns": 7, "boosts": 3})
    assert options.provider == {**DEFAULTS.provider, "m365_max_turns": 7}
    assert options.describe()["m365_max_turns"] == 7
    assert "provider" not in options.describe()


@pytest.mark.parametrize(
    "changes",
    [
        {"nothing": 1},
        {"boosts": -1},
        {"boosts": "3"},
        {"boosts": True},
        {"chat_gap": -1},
        {"m365_max_turns": -1},
        {"provider": {}},
    ],
)
def test_unknown_or_unfit_options_are_refused(changes: dict[str, object]) -> None:
    """A name that does not exist or a value that does not fit is a ValueError."""
    with pytest.raises(ValueError):
        change_options(DEFAULTS, changes)


def test_the_command_line_gives_the_same_options(capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments become options; a bad range ends the program with a line that says why."""
    parser = ArgumentParser()
    add_arguments(parser, PROVIDER_OPTIONS)
    arguments = parser.parse_args(
        ["--image-seconds", "30-60", "--boosts", "7", "--journal", "j", "--chat-gap", "0.5", "--chat-era", "1"]
    )
    assert options_from(arguments, DEFAULTS) == replace(
        DEFAULTS,
        image_seconds=(30, 60),
        boosts=7,
        journal=Path("j"),
        chat_gap=0.5,
        provider={**DEFAULTS.provider, "chat_era": 1},
    )
    assert options_from(parser.parse_args([]), DEFAULTS) == DEFAULTS
    with pytest.raises(SystemExit):
        parser.parse_args(["--image-seconds", "9-1"])
    assert "smaller to a larger" in capsys.readouterr().err
