"""Choose the usable cookies of a paste, and describe them to operators by names and counts, never by value.

Source: docs/wire/image_creator.md, section 1; docs/wire/chathub.md, section 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from accounts.microsoft.protocol.cookie_values import find_value_fault, unquote_value
from accounts.microsoft.protocol.paste_formats import ADDRESS, BARE_VALUE, COOKIE_NAME, Paste, PastedCookie, read_paste
from accounts.microsoft.protocol.paste_formats.values import is_name
from bingproject.errors import InvalidRequestError

PASTE_A_COOKIE = (
    "No usable Bing cookie found. Paste the value of the cookie _U of bing.com, a Cookie header line, "
    "rows of the developer tools' cookie table, a request copied as cURL, as PowerShell or as fetch for Node.js, a "
    "JSON export of Cookie-Editor, a cookies.txt file or a HAR."
)

Reason = Literal["another site", "expired", "not sendable", "no site"]

_DOMAINS = ("bing.com", "microsoft.com")
# RFC 6265 allows printable ASCII without space, quote, comma, ";" and backslash. Quotes and commas are accepted here,
# because Bing's own cookies have them and browsers send them.
_VALUE = re.compile(r"[\x21-\x3a\x3c-\x5b\x5d-\x7e]{0,4096}")
# A host is repeated to operators only if it looks like one: short labels, and letters alone at its end.
_SITE = re.compile(r"(?:[a-z0-9_-]{1,30}\.){1,5}[a-z]{2,15}")
_LONGEST_SITE = 60
# Names that may be shown. Others are only counted: in a text that is no list of cookies, a secret may precede a "=".
_SAYABLE = (
    COOKIE_NAME, "KievRPSSecAuth", "MUID", "MUIDB", "SRCHHPGUSR", "SRCHUSR", "SRCHUID", "SRCHD", "_RwBf", "_EDGE_S",
    "_EDGE_V", "_SS", "cct", "GI_FRE_COOKIE", "WLSSC", "ANON", "NAP", "PPLState",
)  # fmt: skip
_SHOWN_DOMAINS = 3
_COPY_ANOTHER = "Copy another request to bing.com, made while signed in."
# Advice for forms in which browsers leave out the cookies of requests.
_WITHOUT_COOKIES = {
    "a HAR": "Export it once more with sensitive data.",
    "a request copied as fetch": "Use “Copy as fetch (Node.js)” or “Copy as cURL”, which have them.",
}
_LEFT_OUT: dict[Reason, str] = {
    "expired": "that have expired",
    "not sendable": "whose value cannot be sent",
    "no site": "of requests whose site is unknown",
}
# Cookies whose absence is mentioned, with a remark.
_MATTER = {
    "KievRPSSecAuth": "a client that sent it has dropped it since, and pictures are made without it",
    "cct": "Bing sets it when its check for humans is passed, which only chat has been seen to ask for",
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Cookies of a paste that are not used, counted by reason and site; `site` is "" if it must not be shown."""

    reason: Reason
    site: str
    count: int


@dataclass(frozen=True, slots=True)
class FoundCookies:
    """The cookies of a paste.

    Attributes:
        form: The paste's form, in words.
        usable: Values by name, of bing.com and microsoft.com.
        origins: The site of each usable cookie by name; "" if the form names none.
        expired: Unix seconds by name.
        left_out: The cookies that are not used, in the order of the paste.
        hosts: The hosts that the paste's requests went to.
        problem: A sentence for the operator if the paste or its `_U` cannot be read, else "".
    """

    form: str
    usable: dict[str, str] = field(repr=False)
    origins: dict[str, str] = field(repr=False)
    expired: dict[str, float] = field(repr=False)
    left_out: tuple[LeftOut, ...]
    hosts: frozenset[str]
    problem: str

    @property
    def has_sign_in(self) -> bool:
        """True if the cookie that signs in is among the usable ones."""
        return COOKIE_NAME in self.usable


def find_cookies(given: str | bytes, unix_seconds: float = 0.0) -> FoundCookies:
    """Find Bing's cookies in a paste or a file; the result is empty if there are none.

    If the form names sites, only cookies of bing.com and microsoft.com are usable.

    Args:
        given: The pasted text, or the bytes of a file.
        unix_seconds: When the cookies must still be valid.
    """
    paste = read_paste(given)
    # Take bing.com's cookies first: the first cookie of a name is used.
    cookies = sorted(paste.cookies, key=lambda cookie: _is_under(cookie.domain, "microsoft.com"))
    sorting = _Sorting(unix_seconds, is_bare=paste.form == BARE_VALUE)
    for cookie in cookies:
        if cookie.domain and not _is_wanted(cookie.domain):
            sorting.leave_out("another site", cookie)
        else:
            sorting.take(cookie)
    return FoundCookies(
        form=paste.form,
        usable=sorting.usable,
        origins=sorting.origins,
        expired={name: end for name, end in sorting.expired.items() if name not in sorting.usable},
        left_out=sorting.left_out,
        hosts=paste.hosts,
        problem=paste.problem or ("" if COOKIE_NAME in sorting.usable else sorting.fault),
    )


def parse_cookies(given: str | bytes, unix_seconds: float = 0.0) -> dict[str, str]:
    """Return the usable cookies of a paste by name, with `_U` among them.

    Raises:
        InvalidRequestError: There is no usable `_U`. The message says why, without any value of the text.
    """
    found = find_cookies(given, unix_seconds)
    if not found.has_sign_in:
        raise InvalidRequestError(explain_refusal(found), code="invalid_value")
    return found.usable


def choose_cookies(given: str | bytes, host: str, unix_seconds: float) -> tuple[str, dict[str, str]]:
    """Return a paste's form in words, and the cookies that a browser would send to a host.

    Args:
        given: The pasted text, or the bytes of a file.
        host: The host to send cookies to.
        unix_seconds: When the cookies must still be valid.
    """
    paste = read_paste(given)
    return paste.form, pick_cookies(paste, host, unix_seconds)[0]


def pick_cookies(paste: Paste, host: str, unix_seconds: float) -> tuple[dict[str, str], tuple[LeftOut, ...]]:
    """Return the cookies that a browser would send to a host, and those left out.

    Of cookies with the same name, the one with the longest domain is used.
    """
    sorting = _Sorting(unix_seconds, is_bare=False)
    for cookie in sorted(paste.cookies, key=lambda cookie: -len(_plain_domain(cookie.domain))):
        if cookie.domain and not _is_under(host, _plain_domain(cookie.domain)):
            sorting.leave_out("another site", cookie)
        else:
            sorting.take(cookie)
    return sorting.usable, sorting.left_out


class _Sorting:
    """Sort cookies into usable, expired and left out."""

    def __init__(self, unix_seconds: float, *, is_bare: bool) -> None:
        self._unix_seconds = unix_seconds
        self._is_bare = is_bare
        self._left_out: Counter[tuple[Reason, str]] = Counter()
        self.usable: dict[str, str] = {}
        self.origins: dict[str, str] = {}
        self.expired: dict[str, float] = {}
        self.fault = ""

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The unused cookies, by reason and site."""
        return tuple(LeftOut(reason, site, count) for (reason, site), count in self._left_out.items())

    def leave_out(self, reason: Reason, cookie: PastedCookie) -> None:
        """Count an unused cookie under its site, if that may be shown."""
        self._left_out[reason, _sayable_site(cookie.domain)] += 1

    def take(self, cookie: PastedCookie) -> None:
        """Put a cookie into `usable`, `expired` or the cookies that are left out.

        The caller passes only cookies of the site that the account needs, and those whose site the paste does not name;
        the latter are left out if that is ambiguous. Of several with one name, the first usable one counts.
        """
        value = cookie.value
        fault = ""
        if cookie.name == COOKIE_NAME and not cookie.is_stray:
            value = unquote_value(value)
            fault = find_value_fault(value, is_bare=self._is_bare)
            self.fault = self.fault or fault
        if cookie.is_stray:
            self.leave_out("no site", cookie)
        elif fault or not _is_sendable(cookie.name, value):
            self.leave_out("not sendable", cookie)
        elif cookie.expires_at is not None and cookie.expires_at <= self._unix_seconds:
            if cookie.name not in self.usable:
                self.leave_out("expired", cookie)
                self.expired.setdefault(cookie.name, cookie.expires_at)
        elif cookie.name not in self.usable:
            self.usable[cookie.name] = value
            self.origins[cookie.name] = _sayable_site(cookie.domain)


def format_cookies(cookies: Mapping[str, str]) -> str:
    """Join cookies to the value of a Cookie header, which `parse_cookies` can read."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def explain_refusal(found: FoundCookies) -> str:
    """Say why a paste has no usable `_U`, and what to paste instead, without any value."""
    if found.problem:
        return found.problem
    if COOKIE_NAME in found.expired:
        day = datetime.fromtimestamp(found.expired[COOKIE_NAME], UTC)
        return (
            f"The cookie _U in this paste expired on {day:%Y-%m-%d}. "
            "Sign in at bing.com again and copy its new cookies."
        )
    if found.usable or found.expired:
        return (
            f"{_describe_count(found)} But _U, which is what signs in, is not among them. "
            "Sign in at bing.com and copy the cookies of that page."
        )
    foreign = [left.site for left in found.left_out if left.reason == "another site"]
    if foreign:
        return (
            f"These are cookies of {_listed(foreign)}, not of bing.com. "
            "Sign in at bing.com and copy the cookies of that page."
        )
    if any(left.reason == "no site" for left in found.left_out):
        return (
            f"This is {found.form}, but it does not show which site its cookies are for: each request or cookie needs "
            f"one address. {_COPY_ANOTHER}"
        )
    if found.form == ADDRESS:
        return f"This is {ADDRESS}, which has no cookies. {PASTE_A_COOKIE}"
    if any(map(_is_wanted, found.hosts)):
        return (
            f"This is {found.form} with requests to bing.com, but the browser left the cookies out. "
            f"{_WITHOUT_COOKIES.get(found.form, _COPY_ANOTHER)} You can also paste the value of the cookie _U alone."
        )
    if found.hosts:
        hosts = _listed(map(_sayable_site, found.hosts))
        return f"This is {found.form} with requests to {hosts}, and no cookies of bing.com. {PASTE_A_COOKIE}"
    return PASTE_A_COOKIE


def describe_cookies(found: FoundCookies) -> str:
    """Describe the cookies of a paste, and those that are missing, without any value."""
    if not found.has_sign_in:
        return explain_refusal(found)
    words = [_describe_count(found), "_U is what signs in."]
    if len(found.usable) == 1:
        words.append(
            "Alone it is enough for pictures and videos; for chat, clients have sent all cookies of the page since "
            "November 2023."
        )
    else:
        words += [f"{name} is missing: {why}." for name, why in _MATTER.items() if name not in found.usable]
    others = Counter(site for site in found.origins.values() if site and not _is_under(site, "bing.com"))
    words += [f"{count} of them {'is' if count == 1 else 'are'} of {site}." for site, count in sorted(others.items())]
    return " ".join([*words, *describe_left_out(found.left_out)])


def describe_left_out(left_out: Iterable[LeftOut]) -> list[str]:
    """Return a sentence for each reason for which cookies of a paste are not used."""
    counts: Counter[Reason] = Counter()
    sites: list[str] = []
    for left in left_out:
        counts[left.reason] += left.count
        sites += [left.site] if left.reason == "another site" else []
    why: dict[Reason, str] = {"another site": f"of other sites ({_listed(sites)})", **_LEFT_OUT}
    return [f"Left out: {counts[reason]} {words}." for reason, words in why.items() if counts[reason]]


def _describe_count(found: FoundCookies) -> str:
    """Return a sentence such as `Found 14 cookies of bing.com: _U, MUID and 12 others.`"""
    names = [*found.usable, *found.expired]
    said = [name for name in _SAYABLE if name in names]
    others = len(names) - len(said)
    listed = ", ".join(said)
    if others:
        more = f"{others} other{'s' if others > 1 else ''}"
        listed = f"{listed} and {more}" if said else f"{more} than those known here"
    return f"Found {len(names)} cookie{'s' if len(names) > 1 else ''} of bing.com: {listed}."


def _listed(domains: Iterable[str]) -> str:
    known = sorted(set(filter(None, domains)))
    more = len(known) - _SHOWN_DOMAINS
    shown = ", ".join(known[:_SHOWN_DOMAINS]) or "other sites"
    return f"{shown} and {more} more" if more > 0 else shown


def _is_sendable(name: str, value: str) -> bool:
    return bool(value and is_name(name) and _VALUE.fullmatch(value))


def _plain_domain(domain: str) -> str:
    return domain.strip().lstrip(".").casefold()


def _sayable_site(domain: str) -> str:
    """Return a site's name if it looks like one, else "": other text may be a secret."""
    name = _plain_domain(domain)
    return name if len(name) <= _LONGEST_SITE and _SITE.fullmatch(name) else ""


def _is_wanted(domain: str) -> bool:
    return any(_is_under(domain, parent) for parent in _DOMAINS)


def _is_under(domain: str, parent: str) -> bool:
    name = _plain_domain(domain)
    return name == parent or name.endswith(f".{parent}")
