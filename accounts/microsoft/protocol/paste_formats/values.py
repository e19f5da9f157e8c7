"""Define what reading a paste returns: requests and cookies, each with its site."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

COOKIE_NAME = "_U"
# A browser copies no larger command or export for one site; only a HAR has whole pages.
LONGEST_TEXT_BYTES = 8 * 1024 * 1024
# The headers that are used; the others are dropped from a HAR.
READ_HEADERS = frozenset({"cookie", "authorization", "user-agent", "x-useridentitytype"})

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?")
_LONGEST_DATE = 64
# Exports write milliseconds (cookieStore), microseconds, and Chromium's microseconds since 1601.
_MILLISECONDS_FROM, _MICROSECONDS_FROM, _WINDOWS_FROM = 1e11, 1e14, 1e16
_WINDOWS_EPOCH_SECONDS = 11_644_473_600


@dataclass(frozen=True, slots=True)
class PastedCookie:
    """One cookie of a paste.

    Attributes:
        name: The cookie's name.
        value: Its value.
        domain: Its domain; "" if the form names none.
        expires_at: Unix seconds; None if it lasts until the browser is closed.
        is_stray: Its site is unknown although the form names sites, so the cookie must not be used.
    """

    name: str = field(repr=False)
    value: str = field(repr=False)
    domain: str = ""
    expires_at: float | None = None
    is_stray: bool = False


@dataclass(frozen=True, slots=True)
class PastedRequest:
    """One request of a paste.

    Attributes:
        url: Its address.
        headers: Names in lower case, with values; of a HAR only those in READ_HEADERS.
        cookies: The cookies that it sent.
        host: The host that it went to; "" if unknown.
    """

    url: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    cookies: tuple[PastedCookie, ...] = field(default=(), repr=False)
    host: str = ""

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of a header; `name` is in lower case."""
        return tuple(value for header, value in self.headers if header == name)


@dataclass(frozen=True, slots=True)
class Paste:
    """The content of a paste.

    Attributes:
        form: The form in words, such as "a HAR".
        cookies: The cookies; of several usable ones with the same name, the first one counts.
        requests: The requests, if the form has any.
        problem: A sentence on why it cannot be read and what to do, without any part of the paste; "" if it was read.
        notes: Other text, which may contain a token.
    """

    form: str
    cookies: tuple[PastedCookie, ...] = ()
    requests: tuple[PastedRequest, ...] = ()
    problem: str = ""
    notes: str = field(default="", repr=False)

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that the requests went to."""
        return frozenset(request.host for request in self.requests) - {""}


class PasteError(Exception):
    """The paste cannot be read; the message says why, without any part of the paste."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a paste. Its functions are pure and take time linear in the text's length.

    Attributes:
        name: The form in words.
        knows: True if a text has this form.
        read: Read a text of this form; raise PasteError if it cannot be read.
    """

    name: str
    knows: Callable[[str], bool]
    read: Callable[[str], Paste]


def refused(name: str, knows: Callable[[str], bool], reason: str) -> Form:
    """Return a form that is recognised only to be refused; the reason says what to paste instead."""

    def read(text: str) -> Paste:
        raise PasteError(reason)

    return Form(name, knows, read)


def make_request(
    url: str, headers: Iterable[tuple[str, str]] = (), cookies: Iterable[PastedCookie] = (), *, is_stray: bool = False
) -> PastedRequest:
    """Build a request; its cookies are those given, then those of its Cookie headers, which get `is_stray`."""
    headers, host = tuple(headers), host_of(url)
    lines = (value for name, value in headers if name == "cookie")
    sent = (cookie for line in lines for cookie in split_header(line, host, is_stray=is_stray))
    return PastedRequest(url, headers, (*cookies, *sent), host)


def of_requests(form: str, requests: tuple[PastedRequest, ...]) -> Paste:
    """Build a paste whose cookies are those of the requests, in their order."""
    return Paste(form, tuple(cookie for request in requests for cookie in request.cookies), requests)


def damaged(form: str) -> PasteError:
    """Return the error for a paste that ends too early or does not follow its own form."""
    return PasteError(
        f"This looks like {form}, but breaks off or is damaged. Copy it once more, from beginning to end."
    )


def split_header(line: str, domain: str = "", *, is_stray: bool = False) -> Iterator[PastedCookie]:
    """Yield the cookies of a `Cookie` header's value; skip words without "="."""
    for pair in line.split(";"):
        name, equals, value = pair.partition("=")
        if equals:
            yield PastedCookie(name.strip(), value.strip(), domain, is_stray=is_stray)


def is_name(text: str) -> bool:
    """True if the text can be the name of a cookie or a header."""
    return _NAME.fullmatch(text) is not None


def host_of(url: str) -> str:
    """Return the host of an address in lower case; "" if there is none or the address cannot be parsed."""
    try:
        return (urlsplit(url).hostname or "") if "://" in url else ""
    except ValueError:
        return ""


def domain_of(text: str) -> str:
    """Return a cookie's domain from an export's field, in which some tools write an address."""
    return host_of(text) if "://" in text else text


def unix_seconds(expiry: object) -> float | None:
    """Return when a cookie expires, from a number or a date in one of the forms that exports use.

    None means that it lasts until the browser is closed, which exports also write as 0, -1 or a date up to 1970-01-01.
    """
    if isinstance(expiry, str):
        text = expiry.strip()
        seconds = float(text) if _NUMBER.fullmatch(text) else _read_date(text)
    elif isinstance(expiry, int | float) and not isinstance(expiry, bool):
        seconds = float(expiry) if abs(expiry) < _WINDOWS_FROM * 1e6 else math.inf
    else:
        return None
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    if seconds >= _WINDOWS_FROM:
        return seconds / 1e6 - _WINDOWS_EPOCH_SECONDS
    if seconds >= _MICROSECONDS_FROM:
        return seconds / 1e6
    return seconds / 1e3 if seconds >= _MILLISECONDS_FROM else seconds


def _read_date(text: str) -> float:
    """Read an ISO 8601 or an HTTP date; return 0 for other text."""
    if len(text) > _LONGEST_DATE:
        return 0.0
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
        except (ValueError, TypeError, OverflowError):
            continue
    return 0.0
