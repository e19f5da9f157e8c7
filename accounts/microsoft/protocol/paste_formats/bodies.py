"""Remove long bodies from a HAR's bytes, so that the decoder need not read them.

In valid JSON, a quote inside a string has a backslash before it. So `"text":` without one is a member's name, and the
next unescaped quote ends the member's string. If quotes are close together, as in most pages, a decoder finds the end
just as fast: such a body stays, and the search continues on the next line, because no string contains a line break.
"""

from __future__ import annotations

from collections.abc import Iterator

_KEY = b'"text":'
_BLANKS = b" \t\r\n"
_BACKSLASH = ord("\\")
# Removing shorter strings does not pay for the copy.
_LEAST_BYTES = 256
# With fewer bytes between quotes, a decoder is as fast as searching for each quote.
_STRIDE_BYTES = 256
# After this many quotes, the search decides by their distance if it continues.
_QUOTES_JUDGED = 16


def leave_out_bodies(data: bytes) -> bytes:
    """Empty the long strings under the key `text`, and change nothing else.

    Their escapes are not checked, so a document with an invalid escape in a removed body can be decoded.
    """
    view, parts, kept = memoryview(data), [], 0
    for begin, end in _find_texts(data):
        if end - begin >= _LEAST_BYTES:
            parts.append(view[kept:begin])
            kept = end
    return b"".join([*parts, view[kept:]]) if parts else data


def _find_texts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the begin and end of each string under `text`, except those that a decoder reads as fast."""
    at = data.find(_KEY)
    while at >= 0:
        begin = _skip_blanks(data, at + len(_KEY))
        if data[begin : begin + 1] == b'"' and not _is_escaped(data, at):
            end = _find_end(data, begin + 1)
            if end >= 0:
                yield begin + 1, end
                begin = end
            elif (begin := data.find(b"\n", begin)) < 0:
                return
        at = data.find(_KEY, begin)


def _skip_blanks(data: bytes, at: int) -> int:
    while data[at : at + 1] and data[at] in _BLANKS:
        at += 1
    return at


def _is_escaped(data: bytes, at: int) -> bool:
    """True if an odd number of backslashes precedes the position."""
    before = at
    while before and data[before - 1] == _BACKSLASH:
        before -= 1
    return (at - before) % 2 == 1


def _find_end(data: bytes, begin: int) -> int:
    """Return the position of the quote that closes a string; -1 to leave the string to the decoder."""
    at, quotes = data.find(b'"', begin), 1
    while at >= 0 and _is_escaped(data, at):
        if quotes >= _QUOTES_JUDGED and at - begin < quotes * _STRIDE_BYTES:
            return -1
        at, quotes = data.find(b'"', at + 1), quotes + 1
    return at
