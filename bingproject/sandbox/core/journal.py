"""A file of JSON lines in which a sandbox finds again what it had answered before it was killed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """Appends lines with one write each, so that a kill leaves at most one broken line, the last; no path, no file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: int | None = None

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the lines written so far; one that was cut short by a kill is not a line."""
        if self.path is None or not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def write(self, line: dict[str, Any]) -> None:
        """Append a line; it is with the operating system when this returns."""
        if self.path is None:
            return
        if self._file is None:
            self._file = self._open(self.path)
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @staticmethod
    def _open(path: Path) -> int:
        """Open for appending; a broken last line is ended by nothing but its removal."""
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.ftruncate(file, content.rfind(b"\n") + 1)
        return file
