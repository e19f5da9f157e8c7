"""The `Prefer` header (RFC 7240) and `Idempotency-Key`, read from their text. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bingproject.errors import InvalidRequestError

MAX_LENGTH = 1000
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE = rf'(?:{_WORD}|"(?:[^"\\]|\\.)*")'
# White space belongs to exactly one place in the pattern, or a hostile header would take exponential time.
_PARAMETERS = rf"(?:\s*;(?:\s*{_WORD}(?:\s*=\s*{_VALUE})?)?)*"
_PREFERENCE = re.compile(rf"\s*(?P<name>{_WORD})(?:\s*=\s*(?P<value>{_VALUE}))?{_PARAMETERS}\s*(?=,|$)")
# Where a malformed one ends: at the next comma outside of quotes.
_REST = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,])*')
_SECONDS = re.compile(r"[0-9]{1,9}")
_KEY = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(slots=True)
class Preferences:
    """What the caller would like; the view says what it honoured.

    Units: `wait_seconds` as asked for; the view has its own upper limit.
    """

    respond_async: bool = False
    wait_seconds: float | None = None
    applied: list[str] = field(default_factory=list)

    def apply_respond_async(self) -> None:
        """The caller did not have to wait, as wished."""
        self.applied.append("respond-async")

    def apply_wait(self, seconds: float) -> None:
        """The answer came within so many seconds, or at their end; an upper limit of ours shows here."""
        self.applied.append(f"wait={seconds:g}")

    @property
    def header(self) -> str:
        """The value of `Preference-Applied`; empty when nothing was honoured."""
        return ", ".join(self.applied)


def parse_prefer(text: str) -> Preferences:
    """The preferences in one header value; several headers come joined by commas.

    Malformed and unknown ones are ignored; the first of a name counts (RFC 7240, section 2).
    """
    text = text[:MAX_LENGTH]
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PREFERENCE.match(text, position)
        if match:
            found.setdefault(match["name"].lower(), _unquote(match["value"] or ""))
        end = match.end() if match else max(position, _skip(text, position))
        position = end + 1
    wait = found.get("wait", "")
    return Preferences(
        respond_async="respond-async" in found and not found["respond-async"],
        wait_seconds=float(wait) if _SECONDS.fullmatch(wait) else None,
    )


def _skip(text: str, position: int) -> int:
    match = _REST.match(text, position)
    return match.end() if match else len(text)


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def check_idempotency_key(text: str | None) -> str | None:
    """The key as sent, None when there is none.

    Raises: InvalidRequestError when it is not 1 to 255 printable ASCII characters.
    """
    if text is None:
        return None
    if not _KEY.fullmatch(text):
        raise InvalidRequestError(
            "Idempotency-Key must be 1 to 255 printable ASCII characters.", param="Idempotency-Key"
        )
    return text
