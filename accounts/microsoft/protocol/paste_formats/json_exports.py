"""Read JSON other than a HAR: exports of cookie editors, storage states, names with values, JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from accounts.microsoft.protocol.paste_formats import headers, refusals
from accounts.microsoft.protocol.paste_formats.values import (
    LONGEST_TEXT_BYTES,
    Paste,
    PastedCookie,
    PasteError,
    domain_of,
    is_name,
    split_header,
    unix_seconds,
)

JSON_EXPORT = "a JSON export of cookies"
STORAGE = "the browser's storage"
JSON = "JSON"
_TOO_LONG = "This JSON is not a HAR, and far longer than the cookies of one site. Export those of bing.com alone."
# Keys in lower case: Cookie-Editor and its like, Playwright, tough-cookie, Cookie Quick Manager, HackBrowserData.
_NAMES = ("name", "name raw", "keyname", "key")
_VALUES = ("value", "value raw", "content raw", "content")
_DOMAINS = ("domain", "host raw", "host", "hostkey", "host_key")
_ENDS = ("expirationdate", "expires", "expiry", "expires raw", "expiredate", "expires_utc")
# Firefox's "Copy all" of a request: {"Request Cookies": {…}}, {"Request Headers (1 kB)": {"headers": [{…}]}}.
_HOLDERS = ("cookie", "header")
_DEEPEST = 4
# Documents of other programs, by keys that no export of cookies has. The value of the last key is not a string, or the
# document might be cookies with these names.
_FOREIGN = (
    (("info", "item"), f"This is a collection of Postman. {refusals.COPY_CURL}"),
    (("_postman_exported_at", "values"), f"This is an environment of Postman. {refusals.COPY_CURL}"),
    (("__export_format", "resources"), refusals.INSOMNIA),
    (("constants", "events"), f"This is a network log of Chrome, which leaves cookies out. {refusals.COPY_CURL}"),
)
_LIST_OF_TEXTS = f"This is a JSON list of texts that are not cookies of the form “name=value”. {refusals.COPY_CURL}"


def read_json_export(data: bytes) -> Paste:
    """Read the cookies of a JSON document.

    Raises:
        PasteError: The document is too long for an export, or of another program.
        msgspec.DecodeError: It is not JSON.
        RecursionError: It is nested too deeply.
    """
    if len(data) > LONGEST_TEXT_BYTES:
        raise PasteError(
            "This JSON is not a HAR, and far longer than an export of one site's cookies. Export those alone."
        )
    return _read(msgspec.json.decode(data), data)


def read_json_lines(data: bytes) -> Paste:
    """Read the cookies of JSON with one object per line.

    Raises:
        PasteError: A line is not a JSON object, or there is only one: that is another format.
    """
    try:
        lines: list[object] = msgspec.json.Decoder().decode_lines(data) if len(data) <= LONGEST_TEXT_BYTES else []
    except msgspec.DecodeError:
        lines = []
    if len(lines) < 2 or not all(isinstance(line, dict) for line in lines):
        raise refusals.no_json(data)
    return _read(lines, data)


def _read(document: object, data: bytes) -> Paste:
    if _is_storage(document):
        return Paste(STORAGE, notes=data.decode("utf-8", "replace"))
    if isinstance(document, list) and document and all(isinstance(item, str) for item in document):
        return Paste(JSON_EXPORT, tuple(_listed(document)))
    if isinstance(document, dict):
        for keys, reason in _FOREIGN:
            if all(key in document for key in keys) and not isinstance(document[keys[-1]], str):
                raise PasteError(reason)
    return Paste(JSON_EXPORT, tuple(_cookies(document, 0)))


def _listed(items: list[str]) -> Iterator[PastedCookie]:
    """Yield the cookies of a list of strings such as `["_U=…", "MUID=…"]`, or of Cookie headers.

    Raises:
        PasteError: A string has another form.
    """
    for item in items:
        if headers.is_answer(item) or not headers.is_cookie_pairs(item):
            raise PasteError(_LIST_OF_TEXTS)
        yield from split_header(item)


def _is_storage(document: object) -> bool:
    """True for a page's storage, and for an entry of it that has a token."""
    if not isinstance(document, Mapping):
        return False
    if "secret" in document or "credentialType" in document:
        return True
    return any(isinstance(value, str) and value.lstrip().startswith(("{", "[")) for value in document.values())


def _cookies(document: object, depth: int) -> Iterator[PastedCookie]:
    """Yield cookies from a list, from under a key such as "cookies" or "Request Cookies", or from names with values."""
    if depth > _DEEPEST:
        return
    if isinstance(document, list):
        for item in document:
            if isinstance(item, list | dict):
                yield from _cookies(item, depth + 1)
    elif isinstance(document, dict):
        lowered = {key.strip().lower(): value for key, value in document.items()}
        name, value = _first(lowered, _NAMES), _first(lowered, _VALUES)
        if name is not None and (value is not None or depth):
            yield from _entry(name, value, lowered)
        elif isinstance(document.get("cookies"), list):
            yield from _cookies(document["cookies"], depth + 1)
        else:
            yield from _named(lowered, document, depth)


def _entry(name: object, value: object, fields: Mapping[str, object]) -> Iterator[PastedCookie]:
    name, value = name if isinstance(name, str) else "", value if isinstance(value, str) else ""
    if name.strip().lower() == "cookie" and "=" in value:  # a header in a list of headers
        yield from split_header(value)
        return
    domain = _first(fields, _DOMAINS)
    is_stray = not (domain is None or isinstance(domain, str))
    site = domain_of(domain.strip()) if isinstance(domain, str) else ""
    yield PastedCookie(name, value, site, unix_seconds(_first(fields, _ENDS)), is_stray)


def _named(lowered: Mapping[str, object], document: Mapping[str, object], depth: int) -> Iterator[PastedCookie]:
    """Yield cookies from `{"_U": "…", "MUID": "…"}`, `{"Cookie": "a=b; …"}`, or an object that contains one of them."""
    line = lowered.get("cookie")
    if isinstance(line, str) and "=" in line:
        host = _first(lowered, ("host", ":authority"))
        yield from split_header(line, host if isinstance(host, str) else "")
        return
    for name, value in document.items():
        if isinstance(value, str) and is_name(name):
            yield PastedCookie(name, value)
        elif isinstance(value, list | dict) and any(word in name.lower() for word in _HOLDERS):
            yield from _cookies(value, depth + 1)


def _first(fields: Mapping[str, object], keys: tuple[str, ...]) -> object:
    return next((fields[key] for key in keys if fields.get(key) is not None), None)
