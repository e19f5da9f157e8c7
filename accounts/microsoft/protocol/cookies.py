"""Which of the pasted cookies are usable, and what an operator is told of them: names and counts, never a value.

Source: docs/wire/image_creator.md, section 1; docs/wire/chathub.md, section 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from accounts.protocol.pastes import COOKIE_NAME, Paste, PastedCookie, read_paste
from bingproject.errors import InvalidRequestError

PASTE_A_COOKIE = (
    "No usable Bing cookie found. Paste the value of the cookie _U of bing.com, a Cookie header line, "
    "a request copied as cURL, a JSON export of Cookie-Editor, a cookies.txt file or a HAR."
)

_DOMAINS = ("bing.com", "microsoft.com")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
# What RFC 6265 allows in a value and browsers send: printable ASCII without space, quote, comma, ";", backslash;
# quote and comma are let through, since Bing's own cookies have them.
_VALUE = re.compile(r"[\x21-\x3a\x3c-\x5b\x5d-\x7e]{0,4096}")
_HOST = re.compile(r"[a-z0-9.-]{1,60}")
# Names that may be said again. Others are only counted: in a paste that is none, a secret may stand before a "=".
_SAYABLE = (
    COOKIE_NAME, "KievRPSSecAuth", "MUID", "MUIDB", "SRCHHPGUSR", "SRCHUSR", "SRCHUID", "SRCHD", "_RwBf", "_EDGE_S",
    "_EDGE_V", "_SS", "cct", "GI_FRE_COOKIE", "WLSSC", "ANON", "NAP", "PPLState",
)  # fmt: skip
_SHOWN_DOMAINS = 3
# Missing, and worth a word.
_MATTER = {
    "KievRPSSecAuth": "a client that sent it has dropped it since, and pictures are made without it",
    "cct": "Bing sets it when its check for humans is passed, which only chat has been seen to ask for",
}


@dataclass(frozen=True, slots=True)
class FoundCookies:
    """What a paste held.

    Shape: `usable` by name, bing.com's and microsoft.com's; `expired` name → Unix seconds; `foreign` the other sites.
    """

    form: str
    usable: dict[str, str]
    expired: dict[str, float]
    foreign: tuple[str, ...]
    foreign_count: int
    hosts: frozenset[str]
    is_damaged: bool

    @property
    def has_sign_in(self) -> bool:
        """Whether an account can be made of it."""
        return COOKIE_NAME in self.usable


def find_cookies(text: str, unix_seconds: float = 0.0) -> FoundCookies:
    """Cookies out of whatever an operator pasted; an empty result when it holds none.

    Shape: where the form names domains only cookies of bing.com and microsoft.com are usable, bing.com's first.
    Units: `unix_seconds`, the time at which cookies must still be valid.
    """
    paste = read_paste(text)
    # Bing's own come first, so that no other domain's cookie of the same name takes their place.
    cookies = sorted(paste.cookies, key=lambda cookie: _is_under(cookie.domain, "microsoft.com"))
    usable: dict[str, str] = {}
    expired: dict[str, float] = {}
    foreign: dict[str, None] = {}
    foreign_count = 0
    for cookie in cookies:
        if cookie.domain and not _is_wanted(cookie.domain):
            foreign_count += 1
            foreign[_plain(cookie.domain)] = None
        elif _is_sendable(cookie):
            if cookie.expires_at is not None and cookie.expires_at <= unix_seconds:
                expired.setdefault(cookie.name, cookie.expires_at)
            else:
                usable.setdefault(cookie.name, cookie.value)
    for name in usable:
        expired.pop(name, None)
    return _found(paste, usable, expired, tuple(foreign), foreign_count)


def parse_cookies(text: str, unix_seconds: float = 0.0) -> dict[str, str]:
    """The usable cookies of a paste by name, `_U` among them.

    Raises: InvalidRequestError that says what is wrong and repeats no value of the text.
    """
    found = find_cookies(text, unix_seconds)
    if not found.has_sign_in:
        raise InvalidRequestError(explain_refusal(found), code="invalid_value")
    return found.usable


def choose_cookies(text: str, host: str, unix_seconds: float) -> tuple[str, dict[str, str]]:
    """A paste's form in words, and those of its cookies that a browser would send to a host.

    Units: `unix_seconds`, the time at which cookies must still be valid.
    """
    paste = read_paste(text)
    chosen: dict[str, str] = {}
    for cookie in sorted(paste.cookies, key=lambda cookie: -len(cookie.domain)):
        lives = cookie.expires_at is None or cookie.expires_at > unix_seconds
        domain = cookie.domain.strip().lstrip(".").casefold()
        if lives and _is_sendable(cookie) and (not domain or _is_under(host, domain)):
            chosen.setdefault(cookie.name, cookie.value)
    return paste.form, chosen


def format_cookies(cookies: Mapping[str, str]) -> str:
    """Cookies as one header line, the inverse of `parse_cookies`."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def explain_refusal(found: FoundCookies) -> str:
    """Why no account can be made of a paste, and what to paste instead; no value of it."""
    if found.is_damaged:
        return f"This looks like {found.form}, but breaks off or is damaged. Copy it once more, from beginning to end."
    if COOKIE_NAME in found.expired:
        day = datetime.fromtimestamp(found.expired[COOKIE_NAME], UTC)
        return (
            f"The cookie _U in this paste expired on {day:%Y-%m-%d}. "
            "Sign in at bing.com again and copy its cookies anew."
        )
    if found.usable or found.expired:
        return (
            f"{_describe_count(found)} But _U, which is what signs in, is not among them. "
            "Sign in at bing.com and copy the cookies of that page."
        )
    if found.foreign:
        return (
            f"These are cookies of {_listed(found.foreign)}, not of bing.com. "
            "Sign in at bing.com and copy the cookies of that page."
        )
    if any(map(_is_wanted, found.hosts)):
        return (
            f"This is {found.form} with requests to bing.com, but the browser left the cookies out. "
            "Export it once more with sensitive data, or paste the value of the cookie _U."
        )
    if found.hosts:
        hosts = _listed(map(_plain, found.hosts))
        return f"This is {found.form} with requests to {hosts}, and no cookies of bing.com. {PASTE_A_COOKIE}"
    return PASTE_A_COOKIE


def describe_cookies(found: FoundCookies) -> str:
    """What a paste held, which of it matters, and what is missing, in plain words; never a value."""
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
    if found.foreign_count:
        words.append(f"Left out: {found.foreign_count} of other sites ({_listed(found.foreign)}).")
    if found.expired:
        words.append(f"Left out: {len(found.expired)} that have expired.")
    return " ".join(words)


def _found(
    paste: Paste, usable: dict[str, str], expired: dict[str, float], foreign: tuple[str, ...], foreign_count: int
) -> FoundCookies:
    return FoundCookies(
        form=paste.form,
        usable=usable,
        expired=expired,
        foreign=foreign,
        foreign_count=foreign_count,
        hosts=paste.hosts,
        is_damaged=paste.is_damaged,
    )


def _describe_count(found: FoundCookies) -> str:
    """`Found 14 cookies of bing.com: _U, MUID and 12 others.`"""
    names = [*found.usable, *found.expired]
    said = [name for name in _SAYABLE if name in names]
    others = len(names) - len(said)
    listed = ", ".join(said)
    if others:
        more = f"{others} other{'s' if others > 1 else ''}"
        listed = f"{listed} and {more}" if said else f"{more} than those known here"
    return f"Found {len(names)} cookie{'s' if len(names) > 1 else ''} of bing.com: {listed}."


def _listed(domains: Iterable[str]) -> str:
    known = sorted(filter(None, domains))
    more = len(known) - _SHOWN_DOMAINS
    shown = ", ".join(known[:_SHOWN_DOMAINS]) or "other sites"
    return f"{shown} and {more} more" if more > 0 else shown


def _is_sendable(cookie: PastedCookie) -> bool:
    return bool(cookie.value and _TOKEN.fullmatch(cookie.name) and _VALUE.fullmatch(cookie.value))


def _plain(domain: str) -> str:
    """A domain as it may be said again, "" for what is none."""
    name = domain.strip().lstrip(".").casefold()
    return name if _HOST.fullmatch(name) else ""


def _is_wanted(domain: str) -> bool:
    return any(_is_under(domain, parent) for parent in _DOMAINS)


def _is_under(domain: str, parent: str) -> bool:
    name = domain.strip().lstrip(".").casefold()
    return name == parent or name.endswith(f".{parent}")
