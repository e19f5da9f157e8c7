"""A file of JSON lines from which a killed sandbox restores what it had accepted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """Append lines with one write each, so that a kill leaves at most one broken line, the last. No path, no file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: int | None = None

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield the lines written so far, without a line that a kill cut short."""
        if self.path is None or not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def write(self, line: dict[str, Any]) -> None:
        """Append a line. The operating system has it when this returns, so a kill does not lose it."""
        if self.path is None:
            return
        if self._file is None:
            self._file = self._open(self.path)
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @staticmethod
    def _open(path: Path) -> int:
        """Open for appending, and remove a broken last line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.ftruncate(file, content.rfind(b"\n") + 1)
        return file
