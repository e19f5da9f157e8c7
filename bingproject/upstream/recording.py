"""Record a probe step by step with every secret masked, to show at once and to attach to a bug report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import quote

from bingproject.security.redaction import MASK, redact

SHORTEST_SECRET = 4  # a shorter value would be masked wherever the same letters occur by chance


class Transcript:
    """Lines with the seconds since the start; `show` is called with those that a person should see at once."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show = show
        self._begun_at = time.monotonic()
        self._secrets: set[str] = set()
        self._lines: list[str] = []

    def hide(self, *secrets: str) -> None:
        """Mask these values in all recorded lines, and in those shown from now on."""
        for secret in secrets:
            if len(secret) >= SHORTEST_SECRET:
                # As given, as part of a URL, and inside JSON.
                self._secrets |= {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}

    def note(self, text: str) -> None:
        """Show and record a step."""
        self._show(self._add(text))

    def record(self, text: str) -> None:
        """Record what went over the wire without showing it."""
        self._add(text)

    @property
    def text(self) -> str:
        """The complete record; secrets that `hide` learned later are masked in earlier lines, too."""
        return self._mask("\n".join([*self._lines, ""]))

    def _add(self, text: str) -> str:
        line = f"{time.monotonic() - self._begun_at:8.3f}  {redact(self._mask(text))}"
        self._lines.append(line)
        return line

    def _mask(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text
