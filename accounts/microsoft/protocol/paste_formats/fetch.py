"""Read requests copied as fetch: those for Node.js have their cookies, those for a browser's console do not."""

from __future__ import annotations

import json
import re

from accounts.microsoft.protocol.paste_formats.values import (
    Paste,
    PastedRequest,
    damaged,
    host_of,
    make_request,
    of_requests,
)

FETCH = "a request copied as fetch"
_CALL = re.compile(r"[\s;]*+(?:await\s++)?fetch\s*+\(\s*+", re.IGNORECASE)
_COMMA = re.compile(r"\s*+,\s*+")
_END = re.compile(r"\s*+,?\s*+\)")
_REST = re.compile(r"[\s;]*+")
_decode = json.JSONDecoder(strict=False).raw_decode  # returns the end of a value, unlike msgspec


def is_fetch(text: str) -> bool:
    """True if the text begins with a call to fetch."""
    return _CALL.match(text) is not None


def read_fetch(text: str) -> Paste:
    """Read the requests of all calls; browsers write both arguments as JSON.

    Raises:
        PasteError: An argument is not JSON, or other text follows the calls.
    """
    requests: list[PastedRequest] = []
    position = 0
    try:
        while (found := _CALL.match(text, position)) is not None:
            url, position = _decode(text, found.end())
            options: object = None
            if (comma := _COMMA.match(text, position)) is not None and text[comma.end() : comma.end() + 1] == "{":
                options, position = _decode(text, comma.end())
            end = _END.match(text, position)
            if end is None or not isinstance(url, str):
                raise damaged(FETCH)
            position = end.end()
            requests.append(_request(url, options))
    except (ValueError, RecursionError):
        raise damaged(FETCH) from None
    rest = _REST.match(text, position)
    if rest is not None and rest.end() < len(text):
        raise damaged(FETCH)
    return of_requests(FETCH, tuple(requests))


def _request(url: str, options: object) -> PastedRequest:
    given = options.get("headers") if isinstance(options, dict) else None
    named = given.items() if isinstance(given, dict) else ()
    headers = tuple((name.lower(), value) for name, value in named if isinstance(value, str))
    # Without a readable address, the cookies' site is unknown.
    return make_request(url, headers, is_stray=not host_of(url))
