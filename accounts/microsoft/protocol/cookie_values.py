"""Recognise texts that cannot be the value of the cookie `_U`: placeholders, labels, values with surrounding text."""

from __future__ import annotations

import re

from accounts.microsoft.protocol.placeholders import is_placeholder
from accounts.microsoft.providers import TOKEN_PROVIDERS

_QUOTES = ("'", '"', "`")
_LABEL = re.compile(r"_U\s*[:=]", re.IGNORECASE)
_MARKS = re.compile("[\"'`,\u2018\u2019\u201c\u201d]")
# Tools shorten a value to its ends, or show dots instead of it.
_MASK = re.compile("\u2026|\u2022|\\.{3}|\\*{3}")
# Operators paste addresses, e-mail addresses and access tokens by mistake.
_ADDRESS = re.compile(r"www\.\S*|(?:[\w-]{1,63}\.){0,4}bing\.com(?:[/:?]\S*)?", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}")
_JWT = re.compile(r"eyJ[\w-]{1,4096}\.eyJ[\w-]{1,4096}\.[\w-]{0,4096}", re.ASCII)
# Bing's values are several times longer. With a name before it a shorter text is accepted as a value.
_SHORTEST_BARE = 12

_COPY = "Copy the value of _U from the browser's developer tools and paste it alone."


def unquote_value(value: str) -> str:
    """Remove a pair of quotes around a value: `_U` has none of its own, but an environment file may add them."""
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES
    return value[1:-1].strip() if is_quoted else value


def find_value_fault(value: str, *, is_bare: bool) -> str:
    """Return a sentence on why this cannot be the value of `_U`, without repeating it; "" if it can.

    Args:
        value: The text to judge.
        is_bare: The paste had no name before the value.
    """
    if _LABEL.match(value):
        return f"The cookie's name is in front of its value. {_COPY}"
    if value.lower() == "_u" or is_placeholder(value):
        return f"This is a placeholder or a label, not the value of the cookie _U. {_COPY}"
    if _MARKS.search(value):
        return f"The value of _U has a quote, a backtick or a comma in it, and Bing's has none. {_COPY}"
    if _MASK.search(value):
        return f"The value of _U is shortened or masked. {_COPY}"
    if _ADDRESS.fullmatch(value) or _EMAIL.fullmatch(value):
        return f"This is an address, not the value of the cookie _U. {_COPY}"
    if _JWT.fullmatch(value):
        return f"This is an access token, which only accounts of {TOKEN_PROVIDERS} have. {_COPY}"
    if is_bare and len(value) < _SHORTEST_BARE:
        return f"This is too short for the value of the cookie _U. {_COPY}"
    return ""
