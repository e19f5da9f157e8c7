"""What may stand in a cell of a whitelist file, and what is said of the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from import_export.widgets import Widget

from accounts.admin.whitelist_cells import CountCell, FlagCell, IdCell, TextCell, TimeCell


@pytest.mark.parametrize(
    ("cell", "text", "value"),
    [
        (TextCell(5), " Änna ", "Änna"),
        (TextCell(5), "", ""),
        (IdCell(100), " anna@example.org ", "anna@example.org"),
        (IdCell(100), "x" * 100, "x" * 100),
        (FlagCell(), "TRUE", True),
        (FlagCell(), " no ", False),
        (CountCell(), "", None),
        (CountCell(), " 0 ", 0),
        (CountCell(), "007", 7),
        (CountCell(), "1000000", 1_000_000),
        (TimeCell(), "", None),
        (TimeCell(), "2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        (TimeCell(), "2027-01-31T18:00:00Z", datetime(2027, 1, 31, 18, tzinfo=UTC)),
        (TimeCell(), "2027-01-31 18:00", datetime(2027, 1, 31, 18, tzinfo=UTC)),
        (TimeCell(), "2027-01-31T18:00:00+02:00", datetime(2027, 1, 31, 16, tzinfo=UTC)),
    ],
)
def test_what_is_taken(cell: Widget, text: str, value: Any) -> None:
    """With blanks around it or without."""
    assert cell.clean(text) == value


@pytest.mark.parametrize(
    ("cell", "text", "words"),
    [
        (TextCell(5), "123456", "At most 5"),
        (TextCell(99), "two\nlines", "control characters"),
        (TextCell(99), "a\x00b", "control characters"),
        (IdCell(100), "  ", "An id is needed"),
        (IdCell(100), "x" * 101, "At most 100"),
        (IdCell(100), "an\x07na", "control characters"),
        (IdCell(100), "an\u200bna", "printable"),
        (FlagCell(), "", "true or false"),
        (FlagCell(), "maybe", "true or false"),
        (CountCell(), "-1", "from 0 to 1,000,000"),
        (CountCell(), "1.5", "from 0 to 1,000,000"),
        (CountCell(), "many", "from 0 to 1,000,000"),
        (CountCell(), "1" * 10, "from 0 to 1,000,000"),
        (CountCell(), "1000001", "from 0 to 1,000,000"),
        (CountCell(), "٣", "from 0 to 1,000,000"),
        (TimeCell(), "31.01.2027", "2027-01-31"),
        (TimeCell(), "2027-02-30", "2027-01-31"),
        (TimeCell(), "2027-01-31T25:00", "2027-01-31"),
        (TimeCell(), "soon", "2027-01-31"),
    ],
)
def test_what_is_refused(cell: Widget, text: str, words: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match=words):
        cell.clean(text)


@pytest.mark.parametrize(
    ("cell", "value", "text"),
    [
        (FlagCell(), True, "true"),
        (FlagCell(), False, "false"),
        (CountCell(), None, ""),
        (CountCell(), 0, "0"),
        (TimeCell(), None, ""),
        (TimeCell(), datetime(2027, 1, 31, 18, tzinfo=timezone(timedelta(hours=2))), "2027-01-31T16:00:00Z"),
        (TimeCell(), datetime(2027, 1, 31, 18, 0, 0, 5, tzinfo=UTC), "2027-01-31T18:00:00.000005Z"),
    ],
)
def test_what_is_written_reads_back(cell: Widget, value: Any, text: str) -> None:
    """Value to text and back again."""
    assert cell.render(value) == text
    assert cell.clean(text) == value
