"""Repair lone surrogates in text: JSON allows them, no encoder takes them. Pure functions."""

from __future__ import annotations


def repair_surrogates(text: str) -> str:
    """Return the text with surrogate pairs joined and lone halves replaced by U+FFFD."""
    # Most text has none, and encoding it is the cheapest way to know.
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
