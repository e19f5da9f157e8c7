"""What a probe saw, step by step, with every secret masked: to be read at once, and attached to a bug report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import quote

from bingproject.redaction import MASK, redact

SHORTEST_SECRET = 4  # a shorter value would be masked wherever the same letters stand


class Transcript:
    """Lines with the seconds since the beginning; `show` is given those that a person wants to see at once."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show = show
        self._begun_at = time.monotonic()
        self._secrets: set[str] = set()
        self._lines: list[str] = []

    def hide(self, *secrets: str) -> None:
        """Mask these values, whatever they look like: when they are shown from now on, and wherever they are kept."""
        for secret in secrets:
            if len(secret) >= SHORTEST_SECRET:
                # As it is, in an address, in JSON.
                self._secrets |= {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}

    def note(self, text: str) -> None:
        """A step."""
        self._show(self._add(text))

    def record(self, text: str) -> None:
        """What went over the wire: kept, and not shown."""
        self._add(text)

    @property
    def text(self) -> str:
        """All of it; what turned out to be a secret later is masked in what was kept before, too."""
        return self._mask("\n".join([*self._lines, ""]))

    def _add(self, text: str) -> str:
        line = f"{time.monotonic() - self._begun_at:8.3f}  {redact(self._mask(text))}"
        self._lines.append(line)
        return line

    def _mask(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text
