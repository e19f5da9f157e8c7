"""Cells of a whitelist file: text to value, error messages, and value to text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from import_export.widgets import Widget

from accounts.admin.whitelist_cells import FlagCell, LimitCell, MomentCell, TextCell


@pytest.mark.parametrize(
    ("cell", "text", "value"),
    [
        (TextCell(), " Änna ", "Änna"),
        (TextCell(), "", ""),
        (FlagCell(), "TRUE", True),
        (FlagCell(), " no ", False),
        (LimitCell(), "", None),
        (LimitCell(), " 0 ", 0),
        (LimitCell(), "007", 7),
        (LimitCell(), "1000000", 1_000_000),
        (MomentCell(), "", None),
        (MomentCell(), "2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        (MomentCell(), "2027-01-31T18:00:00Z", datetime(2027, 1, 31, 18, tzinfo=UTC)),
        (MomentCell(), "2027-01-31 18:00", datetime(2027, 1, 31, 18, tzinfo=UTC)),
        (MomentCell(), "2027-01-31T18:00:00+02:00", datetime(2027, 1, 31, 16, tzinfo=UTC)),
    ],
)
def test_a_cell_is_read_with_or_without_spaces_around_it(cell: Widget, text: str, value: Any) -> None:
    """Each widget accepts the forms that operators type."""
    assert cell.clean(text) == value


@pytest.mark.parametrize(
    ("cell", "text", "words"),
    [
        (TextCell(), "two\nlines", "control characters"),
        (TextCell(), "a\x00b", "control characters"),
        (FlagCell(), "", "true or false"),
        (FlagCell(), "maybe", "true or false"),
        (LimitCell(), "-1", "from 0 to 1,000,000"),
        (LimitCell(), "1.5", "from 0 to 1,000,000"),
        (LimitCell(), "many", "from 0 to 1,000,000"),
        (LimitCell(), "1" * 10, "from 0 to 1,000,000"),
        (LimitCell(), "1000001", "from 0 to 1,000,000"),
        (LimitCell(), "٣", "from 0 to 1,000,000"),
        (MomentCell(), "31.01.2027", "2027-01-31"),
        (MomentCell(), "2027-02-30", "2027-01-31"),
        (MomentCell(), "2027-01-31T25:00", "2027-01-31"),
        (MomentCell(), "soon", "2027-01-31"),
    ],
)
def test_a_wrong_cell_is_refused_with_what_to_write_instead(cell: Widget, text: str, words: str) -> None:
    """No widget guesses a value."""
    with pytest.raises(ValueError, match=words):
        cell.clean(text)


@pytest.mark.parametrize(
    ("cell", "value", "text"),
    [
        (FlagCell(), True, "true"),
        (FlagCell(), False, "false"),
        (LimitCell(), None, ""),
        (LimitCell(), 0, "0"),
        (MomentCell(), None, ""),
        (MomentCell(), datetime(2027, 1, 31, 18, tzinfo=timezone(timedelta(hours=2))), "2027-01-31T16:00:00Z"),
        (MomentCell(), datetime(2027, 1, 31, 18, 0, 0, 5, tzinfo=UTC), "2027-01-31T18:00:00.000005Z"),
    ],
)
def test_an_exported_cell_reads_back(cell: Widget, value: Any, text: str) -> None:
    """`render` and `clean` are inverse."""
    assert cell.render(value) == text
    assert cell.clean(text) == value
