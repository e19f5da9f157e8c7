"""LOG_FILE in Django's LOGGING, and which files it leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bingproject.conf.log_file import HANDLER, log_files, with_log_file
from bingproject.settings import LOGGING


def given(log_format: str) -> dict[str, Any]:
    """The project's LOGGING with this format on stderr."""
    stderr = LOGGING["handlers"]["stderr"] | {"formatter": log_format}  # type: ignore[index]
    return LOGGING | {"handlers": {"stderr": stderr}}


@pytest.mark.parametrize(("log_format", "expected"), [("console", "dated"), ("json", "json")])
def test_the_root_logger_writes_into_both(tmp_path: Path, log_format: str, expected: str) -> None:
    """Masked as on stderr, for the owner only, with the day; what was given stays as it is."""
    before = given(log_format)
    found = with_log_file(before, tmp_path / "server.log")
    handler = found["handlers"][HANDLER]
    assert found["root"]["handlers"] == ["stderr", HANDLER]
    assert found["handlers"]["stderr"] == before["handlers"]["stderr"]
    assert (handler["filename"], handler["chmod"]) == (str(tmp_path / "server.log"), 0o600)
    assert handler["filters"] == ["redaction"]
    assert handler["formatter"] == expected and expected in found["formatters"]
    assert before == given(log_format) and HANDLER not in before["handlers"]


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    """The web process is set up again after it was forked."""
    once = with_log_file(given("console"), tmp_path / "server.log")
    assert with_log_file(once, tmp_path / "server.log") == once


def test_the_files_newest_first(tmp_path: Path) -> None:
    """The one being written, then the rotated ones; neither the lock nor what somebody else put there."""
    assert log_files(tmp_path / "server.log") == []
    for name in ("server.log", "server.log.2", "server.log.1", "server.log.9", ".__server.lock", "other.log"):
        (tmp_path / name).touch()
    assert [path.name for path in log_files(tmp_path / "server.log")] == ["server.log", "server.log.1", "server.log.2"]
