"""Read a HAR, in which browsers' developer tools and proxies record requests and responses.

Bodies make up nearly all of a HAR: they are removed from the file's bytes and never decoded. A browser's own HAR is
decoded with strict types in one pass. If a field has another type, each entry is decoded by itself, and what cannot be
read is skipped.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from accounts.microsoft.protocol.paste_formats.bodies import leave_out_bodies
from accounts.microsoft.protocol.paste_formats.values import (
    READ_HEADERS,
    Paste,
    PastedCookie,
    PastedRequest,
    host_of,
    split_header,
    unix_seconds,
)

HAR = "a HAR"


class _Header(msgspec.Struct, gc=False):
    name: str = ""
    value: str = ""


class _Listed(msgspec.Struct, gc=False):
    name: str = ""
    value: str = ""
    domain: str = ""
    expires: Any = None


class _HarMessage(msgspec.Struct, gc=False):
    url: str = ""
    headers: list[_Header] = []
    cookies: list[_Listed] = []


class _Answer(msgspec.Struct, gc=False):
    cookies: list[_Listed] = []


class _Entry(msgspec.Struct, gc=False):
    request: _HarMessage
    response: _Answer | None = None


class _Log(msgspec.Struct, gc=False):
    entries: list[_Entry]


class _Har(msgspec.Struct, gc=False):
    log: _Log


class _LooseMessage(msgspec.Struct):
    url: Any = ""
    headers: Any = None
    cookies: Any = None


class _LooseEntry(msgspec.Struct):
    request: msgspec.Raw = msgspec.Raw(b"null")
    response: msgspec.Raw = msgspec.Raw(b"null")


class _LooseLog(msgspec.Struct):
    entries: list[msgspec.Raw]


class _LooseHar(msgspec.Struct):
    log: _LooseLog


_strict = msgspec.json.Decoder(_Har)
_loose = msgspec.json.Decoder(_LooseHar)
_entry = msgspec.json.Decoder(_Entry)
_loose_entry = msgspec.json.Decoder(_LooseEntry)
_loose_message = msgspec.json.Decoder(_LooseMessage)
_LONE_SURROGATE = re.compile(rb"\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)


def read_har(data: bytes) -> Paste | None:
    """Read the requests, and each cookie as it was last seen, newest first; return None for JSON that is not a HAR.

    Raises:
        msgspec.DecodeError: The data is not JSON.
        RecursionError: The JSON is nested too deeply.
    """
    try:
        entries = _read_entries(leave_out_bodies(data))
    except msgspec.DecodeError:
        # In invalid JSON, more than bodies may have been removed: decode the whole document for the right error.
        entries = _read_entries(data)
    if entries is None:
        return None
    requests: list[PastedRequest] = []
    # Key: name and site.
    seen: dict[tuple[str, str], _Listed] = {}
    headers, hosts, sites, lines = _Headers(), _Hosts(), _Sites(), _Lines()
    for entry in entries:
        request = PastedRequest(entry.request.url, headers.of(entry.request), host=hosts[_origin(entry.request.url)])
        requests.append(request)
        answered = entry.response.cookies if entry.response else []
        for group in (_sent_cookies(request, entry.request.cookies, lines), answered):
            # A browser sends the closest of several cookies with the same name first, so it must be stored last.
            for cookie in reversed(group):
                cookie.domain = cookie.domain or request.host
                key = cookie.name, sites[cookie.domain]
                seen.pop(key, None)
                seen[key] = cookie
    return Paste(HAR, tuple(map(_pasted, reversed(seen.values()))), tuple(requests))


def _read_entries(data: bytes) -> Sequence[_Entry] | None:
    """Decode the entries of a HAR; return None for JSON that is not a HAR."""
    try:
        return _strict.decode(data).log.entries
    except msgspec.ValidationError:
        try:
            return list(_read_loosely(_loose.decode(data).log.entries))
        except msgspec.ValidationError:
            return None


def repair_json(data: bytes) -> bytes:
    """Replace invalid UTF-8 and lone surrogates, so that msgspec decodes the JSON.

    Programs that record bodies in other encodings write them.
    """
    text = data.decode("utf-8", "replace").encode()
    return _LONE_SURROGATE.sub(lambda found: rb"\ufffd" if len(found[0]) > 2 else found[0], text)


class _Headers(dict[str, str]):
    """A cache of header names in lower case, "" for unused headers; a HAR repeats the same few names."""

    def __missing__(self, name: str) -> str:
        lowered = name.lower()
        self[name] = lowered if lowered in READ_HEADERS else ""
        return self[name]

    def of(self, request: _HarMessage) -> tuple[tuple[str, str], ...]:
        """Return the used headers of a request."""
        return tuple((name, header.value) for header in request.headers if (name := self[header.name]))


class _Hosts(dict[str, str]):
    """A cache of the host of each origin."""

    def __missing__(self, origin: str) -> str:
        self[origin] = host_of(origin)
        return self[origin]


class _Sites(dict[str, str]):
    """A cache of the site of each domain, with or without a leading dot."""

    def __missing__(self, domain: str) -> str:
        self[domain] = domain.lstrip(".").lower()
        return self[domain]


class _Lines(dict[str, tuple[PastedCookie, ...]]):
    """A cache of the cookies of each `Cookie` header; requests repeat the same one."""

    def __missing__(self, line: str) -> tuple[PastedCookie, ...]:
        self[line] = tuple(split_header(line))
        return self[line]


def _origin(url: str) -> str:
    end = url.find("/", url.find("://") + 3)
    return url[:end] if end >= 0 else url


def _sent_cookies(request: PastedRequest, listed: list[_Listed], lines: _Lines) -> list[_Listed]:
    """Return the request's cookies, with values from its Cookie header, and domain and expiry from its cookie list.

    The list's values are not those that were sent: Firefox decodes them, and mitmproxy removes their quotes.
    """
    by_name: dict[str, list[_Listed]] = {}
    for cookie in listed:
        by_name.setdefault(cookie.name, []).append(cookie)
    cookies: list[_Listed] = []
    names: set[str] = set()
    for line in request.values("cookie"):
        for sent in lines[line]:
            same = by_name.get(sent.name)
            cookie = same.pop(0) if same else _Listed(sent.name)
            cookie.value = sent.value
            cookies.append(cookie)
            names.add(sent.name)
    return cookies + [cookie for name, same in by_name.items() if name not in names for cookie in same]


def _pasted(cookie: _Listed) -> PastedCookie:
    return PastedCookie(
        cookie.name, cookie.value, cookie.domain, unix_seconds(cookie.expires), is_stray=not cookie.domain
    )


def _read_loosely(entries: Sequence[msgspec.Raw]) -> Iterator[_Entry]:
    for raw in entries:
        if bytes(memoryview(raw)[:1]) != b"{":
            continue
        try:
            yield _entry.decode(raw)
        except msgspec.ValidationError:
            parts = _decode(_loose_entry, raw, _LooseEntry())
            request = _decode(_loose_message, parts.request, _LooseMessage())
            response = _decode(_loose_message, parts.response, _LooseMessage())
            headers = [_Header(pair.name, pair.value) for pair in _pairs(request.headers)]
            message = _HarMessage(_text(request.url), headers, _pairs(request.cookies))
            yield _Entry(message, _Answer(_pairs(response.cookies)))


def _decode(decoder: Any, raw: msgspec.Raw, otherwise: Any) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        return otherwise


def _pairs(listed: object) -> list[_Listed]:
    """Return the entries of a list that have a readable name."""
    pairs = []
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and (name := _text(item.get("name"))):
            pairs.append(_Listed(name, _text(item.get("value")), _text(item.get("domain")), item.get("expires")))
    return pairs


def _text(value: object) -> str:
    """Return a string, or that in WebDriver BiDi's `{"type": "string" or "base64", "value": …}`; "" for other types."""
    if isinstance(value, dict):
        inner = value.get("value")
        if value.get("type") == "base64" and isinstance(inner, str):
            try:
                return base64.b64decode(inner, validate=True).decode("latin-1")
            except binascii.Error:
                return ""
        return inner if isinstance(inner, str) else ""
    return value if isinstance(value, str) else ""
