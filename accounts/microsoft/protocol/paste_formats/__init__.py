"""Read the forms in which browsers copy or export cookies into requests and cookies with their sites.

The first form of `FORMS` that knows a paste reads it, and no other is tried. accounts/microsoft/protocol/cookies.py
decides which cookies are usable.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from accounts.microsoft.protocol.paste_formats import (
    cookies_txt,
    curl,
    devtools,
    fetch,
    har,
    headers,
    json_exports,
    powershell,
    refusals,
    wget,
)
from accounts.microsoft.protocol.paste_formats.values import (
    COOKIE_NAME,
    LONGEST_TEXT_BYTES,
    Form,
    Paste,
    PastedCookie,
    PastedRequest,
    PasteError,
    damaged,
    refused,
)

ADDRESS, BARE_VALUE = headers.ADDRESS, headers.BARE_VALUE
STORAGE = json_exports.STORAGE
UNKNOWN = "a text of unknown form"
__all__ = [
    "ADDRESS", "BARE_VALUE", "COOKIE_NAME", "FORMS", "STORAGE", "UNKNOWN", "Paste", "PastedCookie", "PastedRequest",
    "read_paste",
]  # fmt: skip

_ANSWER = (
    "These are the headers of a response. Copy those of a request to bing.com: they have a line that begins with "
    "“Cookie:”."
)
_TOO_LONG = "This is far longer than what a browser copies of one site. Copy one request of it alone."
_UTF_16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


# The order matters: a command may have lines that look like headers, and a header may look like a bare value.
FORMS: tuple[Form, ...] = (
    Form(curl.CURL, curl.is_curl, curl.read_curl),
    Form(wget.WGET, wget.is_wget, wget.read_wget),
    Form(powershell.POWERSHELL, powershell.is_powershell, powershell.read_powershell),
    Form(fetch.FETCH, fetch.is_fetch, fetch.read_fetch),
    Form(cookies_txt.COOKIES_TXT, cookies_txt.is_cookies_txt, cookies_txt.read_cookies_txt),
    Form(devtools.TABLE, devtools.is_table, devtools.read_table),
    *refusals.COMMANDS_AND_CODE,
    Form(headers.COOKIE_HEADER, headers.is_header_lines, headers.read_header_lines),
    refused("the headers of a response", headers.is_answer, _ANSWER),
    Form(headers.BARE_VALUE, headers.is_bare_value, headers.read_bare_value),
    Form(devtools.NAMED_VALUE, devtools.is_named_value, devtools.read_named_value),
    Form(headers.COOKIE_HEADER, headers.is_cookie_pairs, headers.read_cookie_pairs),
    *refusals.LEFTOVERS,
)


def read_paste(given: str | bytes) -> Paste:
    """Read a pasted text or an uploaded file by its form.

    A paste that cannot be read has a `problem`; a text of unknown form has neither a problem nor cookies.

    Args:
        given: The pasted text, or a file's bytes in UTF-8 or UTF-16. A HAR is parsed from the bytes, since it may be
            large.
    """
    addresses: tuple[PastedRequest, ...] = ()
    try:
        if isinstance(given, bytes):
            refusals.check_text(given)
        data, addresses = headers.take_addresses(_as_utf8(given))
        if not data and addresses:
            return Paste(headers.ADDRESS, requests=addresses)
        paste = _read_json(data) if data.startswith((b"[", b"{")) else _read_text(data)
    except PasteError as error:
        return Paste(UNKNOWN, requests=addresses, problem=str(error))
    return replace(paste, requests=(*paste.requests, *addresses))


def _as_utf8(given: str | bytes) -> bytes:
    if isinstance(given, str):
        return given.strip().removeprefix("\ufeff").strip().encode("utf-8", "replace")
    encoding = _UTF_16.get(given[:2], "")
    if not encoding and b"\0" in given[:4]:  # UTF-16 without a byte order mark
        encoding = "utf-16-le" if given[1:2] == b"\0" else "utf-16-be"
    if encoding:
        given = given.decode(encoding, "replace").encode("utf-8", "replace")
    return given.removeprefix(b"\xef\xbb\xbf").strip()


def _read_json(data: bytes) -> Paste:
    try:
        for read in (bytes, har.repair_json):
            try:
                text = read(data)
                return har.read_har(text) or json_exports.read_json_export(text)
            except msgspec.DecodeError:
                continue
        return json_exports.read_json_lines(data)
    except RecursionError:
        raise damaged(json_exports.JSON) from None


def _read_text(data: bytes) -> Paste:
    if len(data) > LONGEST_TEXT_BYTES:
        raise PasteError(_TOO_LONG)
    refusals.check_characters(data)
    text = headers.unquote(data.decode("utf-8", "replace"))
    if text.startswith(("[", "{")):
        return _read_json(text.encode())
    for form in FORMS:
        if form.knows(text):
            return form.read(text)
    return Paste(UNKNOWN, notes=text)
