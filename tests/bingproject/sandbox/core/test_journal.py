"""The file in which a killed sandbox finds its memory again."""

from __future__ import annotations

from pathlib import Path

from bingproject.sandbox.core.journal import Journal


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    """What was written is read by the next one, folders are made."""
    path = tmp_path / "deep" / "journal"
    journal = Journal(path)
    journal.write({"a": "é"})
    journal.write({"b": 2})
    journal.close()
    assert list(Journal(path).read()) == [{"a": "é"}, {"b": 2}]


def test_a_line_cut_by_a_kill_is_dropped(tmp_path: Path) -> None:
    """Half a line is not read, and the next line does not stick to it."""
    path = tmp_path / "journal"
    path.write_bytes(b'{"a": 1}\n{"b": ')
    journal = Journal(path)
    assert list(journal.read()) == [{"a": 1}]
    journal.write({"c": 3})
    journal.close()
    assert list(Journal(path).read()) == [{"a": 1}, {"c": 3}]


def test_without_a_path_nothing_is_written() -> None:
    """A sandbox without a journal keeps its memory to itself."""
    journal = Journal(None)
    journal.write({"a": 1})
    journal.close()
    assert list(journal.read()) == []
