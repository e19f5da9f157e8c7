"""LOG_FILE in the form that `logging.config` takes: one file for all processes of a server, rotated by size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HANDLER = "file"
FILE_BYTES = 2 * 1024 * 1024
# Rotated files beside the one that is written: all of them together fit into an attachment of a bug report.
ROTATED_COUNT = 4


def with_log_file(logging_config: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a copy of Django's LOGGING whose root logger also writes into `path`, masked as on stderr.

    The handler locks the file for each record and rotation, so any number of processes may write; a fork reopens the
    lock by itself. Lines for a person get the day, since the file spans many.
    """
    stderr, root = logging_config["handlers"]["stderr"], logging_config["root"]
    is_json = stderr["formatter"] == "json"
    handler = {
        "class": "concurrent_log_handler.ConcurrentRotatingFileHandler",
        "filename": str(path),
        "maxBytes": FILE_BYTES,
        "backupCount": ROTATED_COUNT,
        "encoding": "utf-8",
        "unicode_error_policy": "replace",
        "chmod": 0o600,
        "filters": stderr["filters"],
        "formatter": "json" if is_json else "dated",
    }
    dated = {"()": "bingproject.security.redaction.ConsoleFormatter", "time_format": "%Y-%m-%d %H:%M:%S"}
    return logging_config | {
        "formatters": logging_config["formatters"] | {"dated": dated},
        "handlers": logging_config["handlers"] | {HANDLER: handler},
        "root": root | {"handlers": list(dict.fromkeys([*root["handlers"], HANDLER]))},
    }


def log_files(path: Path) -> list[Path]:
    """Return the files that exist, the newest first."""
    rotated = [path.with_name(f"{path.name}.{number}") for number in range(1, ROTATED_COUNT + 1)]
    return [file for file in (path, *rotated) if file.is_file()]
