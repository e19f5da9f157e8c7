"""Record a probe step by step with every secret masked, to show at once and to attach to a bug report."""

from __future__ import annotations

import time
from collections.abc import Callable

from bingproject.security.redaction import KnownSecrets, redact


class Transcript:
    """Lines with the seconds since the start; `show` is called with those that a person should see at once."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show = show
        self._begun_at = time.monotonic()
        self._secrets = KnownSecrets()
        self._lines: list[str] = []

    def hide(self, *secrets: str) -> None:
        """Mask these values in all recorded lines, and in those shown from now on."""
        self._secrets.hide(*secrets)

    def note(self, text: str) -> None:
        """Show and record a step."""
        self._show(self._add(text))

    def record(self, text: str) -> None:
        """Record what went over the wire without showing it."""
        self._add(text)

    @property
    def text(self) -> str:
        """The complete record; secrets that `hide` learned later are masked in earlier lines, too."""
        return self._secrets.mask("\n".join([*self._lines, ""]))

    def _add(self, text: str) -> str:
        line = f"{time.monotonic() - self._begun_at:8.3f}  {redact(self._secrets.mask(text))}"
        self._lines.append(line)
        return line
