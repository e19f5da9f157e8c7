"""The forms in which a browser gives its cookies away, each read into the same list; what is usable, cookies.py says.

Forms: a bare value, a `Cookie` header alone or among others, a request copied as cURL (for a Unix shell or Windows'
cmd), a cookie editor's JSON, a Netscape cookies.txt, a HAR.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import msgspec

COOKIE_NAME = "_U"
BARE_VALUE = "a bare value"  # taken for that cookie's

# Base64's padding is long; a short word before "=" is a cookie's name without a value.
_BARE_VALUE = re.compile(r"""[^\s=;<>{}\[\]"'\\]{1,4096}|[^\s=;<>{}\[\]"'\\]{16,4096}={1,2}""")
# Browsers show a header's name and value on one line, or copy them as two.
_COOKIE_LINE = re.compile(r"^[ \t]*cookie[ \t]*(?::[ \t]*|\r?\n[ \t]*|:[ \t]*\r?\n[ \t]*)(\S.*)$", re.I | re.M)
_HOST_LINE = re.compile(r"^[ \t]*(?:host|:authority)[ \t]*(?::[ \t]*|:?[ \t]*\r?\n[ \t]*)(\S+)[ \t\r]*$", re.I | re.M)
_EXPIRY_KEYS = ("expirationDate", "expires", "expiry")


@dataclass(frozen=True, slots=True)
class PastedCookie:
    """One cookie of a paste; `domain` "" where the form has none. Units: `expires_at` in Unix seconds."""

    name: str
    value: str
    domain: str = ""
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Paste:
    """What was pasted: its form in words, its cookies, and whom its requests went to, for forms that hold requests."""

    form: str
    cookies: tuple[PastedCookie, ...] = ()
    hosts: frozenset[str] = frozenset()
    is_damaged: bool = False


class _HarPair(msgspec.Struct):
    name: str = ""
    value: str = ""
    domain: str = ""
    expires: Any = None


class _HarMessage(msgspec.Struct):
    url: str = ""
    headers: list[_HarPair] = []
    cookies: list[_HarPair] = []


class _HarEntry(msgspec.Struct):
    request: _HarMessage
    response: _HarMessage | None = None


class _HarLog(msgspec.Struct):
    entries: list[_HarEntry]


class _Har(msgspec.Struct):
    """Only what cookies stand in: the bodies of a large HAR are passed over without being kept."""

    log: _HarLog


def read_paste(text: str) -> Paste:
    """Whatever an operator pasted, taken apart by its form; what cannot be read has no cookies."""
    text = text.strip().removeprefix("\ufeff").strip()
    if text.startswith(("[", "{")):
        return _read_json(text)
    if text.casefold().startswith(("curl ", "curl.exe ")):
        return _read_curl(text)
    if _BARE_VALUE.fullmatch(text) and "://" not in text:
        return Paste(BARE_VALUE, (PastedCookie(COOKIE_NAME, text),))
    cookies = tuple(_cookies_txt(text))
    return Paste("a cookies.txt", cookies) if cookies else _read_headers(text)


def _read_headers(text: str) -> Paste:
    """`a=b; c=d`, with or without the header's name, alone or among a request's other headers."""
    lines = _COOKIE_LINE.findall(text) or [text]
    host = _HOST_LINE.search(text)
    domain = _host_of(f"//{host[1]}") if host else ""
    cookies = tuple(replace(cookie, domain=domain) for line in lines for cookie in _pairs(line))
    return Paste("a Cookie header", cookies, frozenset({domain}) - {""})


def _pairs(line: str) -> Iterator[PastedCookie]:
    for pair in line.split(";"):
        name, equals, value = pair.partition("=")
        if equals:
            yield PastedCookie(name.strip(), value.strip())


def _cookies_txt(text: str) -> Iterator[PastedCookie]:
    """Netscape's format: seven fields a line, tabs (some editors make them spaces), `#HttpOnly_` before the domain."""
    for line in text.splitlines():
        fields = line.removeprefix("#HttpOnly_").split()
        if len(fields) == 7 and fields[1] in ("TRUE", "FALSE"):
            seconds = float(fields[4]) if fields[4].isascii() and fields[4].isdigit() else 0.0
            yield PastedCookie(fields[5], fields[6], fields[0], seconds or None)


# --- JSON ---


def _read_json(text: str) -> Paste:
    """A HAR, a list of cookies, `{"cookies": [...]}`, or a plain object of names and values."""
    try:
        return _read_har(msgspec.json.decode(text, type=_Har))
    except (ValueError, RecursionError):
        pass  # another JSON, or none
    try:
        document: object = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return Paste("JSON", is_damaged=True)
    form = "a JSON export of cookies"
    if isinstance(document, dict) and not isinstance(document.get("cookies"), list):
        named = ((name, value) for name, value in document.items() if isinstance(value, str))
        return Paste(form, tuple(PastedCookie(name, value) for name, value in named))
    entries = document["cookies"] if isinstance(document, dict) else document
    found = (_read_entry(entry) for entry in entries) if isinstance(entries, list) else ()
    return Paste(form, tuple(cookie for cookie in found if cookie is not None))


def _read_entry(entry: object) -> PastedCookie | None:
    if not isinstance(entry, dict):
        return None
    name, value, domain = entry.get("name"), entry.get("value"), entry.get("domain", "")
    if isinstance(name, str) and isinstance(value, str) and isinstance(domain, str):
        expiry = next((entry[key] for key in _EXPIRY_KEYS if entry.get(key) is not None), None)
        return PastedCookie(name, value, domain, _unix_seconds(expiry))
    return None


def _unix_seconds(expiry: object) -> float | None:
    """A number of seconds or an ISO 8601 date; 0 and -1 are how exports write "until the browser is closed"."""
    if isinstance(expiry, int | float) and not isinstance(expiry, bool):
        return float(expiry) if expiry > 0 else None
    try:
        moment = datetime.fromisoformat(expiry) if isinstance(expiry, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() if moment else None


def _read_har(har: _Har) -> Paste:
    """Each cookie as it was last seen, newest first: of several values of one cookie the first in the list counts."""
    seen: dict[tuple[str, str], PastedCookie] = {}
    hosts: set[str] = set()
    for entry in har.log.entries:
        host = _host_of(entry.request.url)
        hosts.add(host)
        for cookie in _har_cookies(entry, host):
            seen.pop((cookie.name, cookie.domain), None)
            seen[cookie.name, cookie.domain] = cookie
    return Paste("a HAR", tuple(reversed(seen.values())), frozenset(hosts) - {""})


def _har_cookies(entry: _HarEntry, host: str) -> Iterator[PastedCookie]:
    for header in entry.request.headers:
        if header.name.casefold() == "cookie":
            yield from (replace(cookie, domain=host) for cookie in _pairs(header.value))
    for message in filter(None, (entry.request, entry.response)):
        for pair in message.cookies:
            yield PastedCookie(pair.name, pair.value, pair.domain or host, _unix_seconds(pair.expires))


# --- cURL ---


def _read_curl(text: str) -> Paste:
    """A browser's "Copy as cURL", for a Unix shell or for Windows' cmd."""
    form = "a request copied as cURL"
    if '^"' in text:
        text = re.sub(r"\^(.)", r"\1", re.sub(r"\^\r?\n", " ", text))
    try:
        # $'...' is how a Unix shell is given "!" and its like, as \u0021.
        plain = re.sub(r"\\u00([2-7][0-9a-fA-F])", lambda code: chr(int(code[1], 16)), text.replace(" $'", " '"))
        words = shlex.split(plain)
    except ValueError:
        return Paste(form, is_damaged=True)
    domain = _host_of(next((word for word in words if word.startswith(("https://", "http://"))), ""))
    cookies: list[PastedCookie] = []
    for option, argument in pairwise(words):
        if option in ("-H", "--header") and argument[:7].casefold() == "cookie:":
            cookies += _pairs(argument[7:])
        elif option in ("-b", "--cookie"):
            cookies += _pairs(argument)
    return Paste(form, tuple(replace(cookie, domain=domain) for cookie in cookies), frozenset({domain}) - {""})


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
