"""Cookies pasted by an operator, the page that proves an account alive, and the form of our API keys. All pure.

Source: docs/wire/image_creator.md, section 1.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import pairwise
from urllib.parse import urlsplit

import msgspec
from selectolax.lexbor import LexborHTMLParser

from bingproject.errors import (
    AccountThrottledError,
    InvalidRequestError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)

# A clean path: with a creation's query, Bing takes the mere GET for a creation.
SESSION_PATH = "/images/create"

KEY_PREFIX = "bp_"

COOKIE_NAME = "_U"

PASSWORD_MASK = "•••"

PASTE_A_COOKIE = (
    "No usable Bing cookie found. Paste the value of the cookie _U of bing.com, a Cookie header line, "
    "a request copied as cURL, a JSON export of Cookie-Editor, or a cookies.txt file."
)

_COOKIE_DOMAINS = ("bing.com", "microsoft.com")
_COOKIE_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What RFC 6265 allows in a value and browsers send: printable ASCII without space, quote, comma, ";", backslash;
# quote and comma are let through, since Bing's own cookies have them.
_COOKIE_VALUE = re.compile(r"[\x21-\x3a\x3c-\x5b\x5d-\x7e]*")
# Base64's padding is long; a short word before "=" is a cookie's name without a value.
_BARE_VALUE = re.compile(r"""[^\s=;{}\[\]"'\\]+|[^\s=;{}\[\]"'\\]{16,}={1,2}""")

_SIGN_IN_HOSTS = frozenset({"login.live.com", "login.microsoftonline.com", "login.microsoft.com"})
_SIGN_IN_PATH = "/fd/auth/signin"
_IG = re.compile(r"""\bIG\s*[:=]\s*["']([0-9A-Za-z]{10,64})["']""")
_IG_FIELD = re.compile(r"[?&]IG=([0-9A-Fa-f]{32})(?![0-9A-Za-z])")
# Goes into a cookie as it is, so only what a cookie can carry.
_SALT = re.compile(r"""\bSalt\s*[:=]\s*["']([0-9A-Za-z+/=_-]{1,200})["']""")
_DECIMAL = re.compile(r"[0-9]{1,9}")
_DETAIL_CHARACTERS = 500

_HEADINGS = '.gil_err_mt, .gil_err_sbt, [role="heading"], h1, h2, h3'
_SEPARATOR = "\x1e"
# Curly and modifier apostrophes, acute and grave accents; em and en dash.
_FOLDED = str.maketrans("\u2019\u2018\u02bc\u00b4`\u2014\u2013", "'" * 5 + "--")
_REFUSED = (
    "image creation is coming soon to your region",
    "we're sorry - we've run into an issue",
    "we've run into an issue",
    "the page is currently unavailable",
)
# The page itself writes "avaiable".
_OVERLOADED = (
    "bing isn't avaiable right now",
    "bing isn't available right now",
    "we can't create your images right now",
)


@dataclass(frozen=True, slots=True)
class Session:
    """What the creator's start page says about us; `ig` and `salt` are "" when it names none."""

    ig: str
    salt: str
    signed_in: bool


@dataclass(frozen=True, slots=True)
class _PastedCookie:
    """One cookie of a paste; `domain` "" where the format has none."""

    name: str
    value: str
    domain: str = ""


def parse_cookies(text: str) -> dict[str, str]:
    """Cookies out of whatever an operator pasted.

    Shape: a bare `_U` value, a `Cookie:` header line, a request copied as cURL, a JSON export of Cookie-Editor or a
    browser's storage, or a Netscape cookies.txt → `{"_U": …, …}`. Where the format names domains only those of
    bing.com and microsoft.com are kept, bing.com's first; `_U` must be among them.
    Raises: InvalidRequestError that says what to paste and repeats nothing of the text.
    """
    pasted = list(_read_pasted(text.strip().removeprefix("\ufeff").strip()))
    # Bing's own come first, so that no other domain's cookie of the same name takes their place.
    pasted.sort(key=lambda cookie: _is_under(cookie.domain, ("microsoft.com",)))
    cookies: dict[str, str] = {}
    for cookie in pasted:
        is_sendable = _COOKIE_TOKEN.fullmatch(cookie.name) and _COOKIE_VALUE.fullmatch(cookie.value)
        is_wanted = not cookie.domain or _is_under(cookie.domain, _COOKIE_DOMAINS)
        if is_sendable and is_wanted and cookie.value:
            cookies.setdefault(cookie.name, cookie.value)
    if COOKIE_NAME not in cookies:
        raise InvalidRequestError(PASTE_A_COOKIE, code="invalid_value")
    return cookies


def format_cookies(cookies: Mapping[str, str]) -> str:
    """Cookies as one header line, the inverse of `parse_cookies`."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _read_pasted(text: str) -> Iterable[_PastedCookie]:
    if text.startswith(("[", "{")):
        return _read_json(text)
    if text.casefold().startswith("curl"):
        return _read_curl(text)
    if _BARE_VALUE.fullmatch(text):
        return [_PastedCookie(COOKIE_NAME, text)]
    lines = _read_cookies_txt(text)
    return lines or _read_header(text)


def _read_header(line: str) -> list[_PastedCookie]:
    """`Cookie: a=b; c=d`, with or without the header's name, alone or among other header lines."""
    for candidate in line.splitlines():
        if candidate.lstrip()[:7].casefold() == "cookie:":
            line = candidate.lstrip()[7:]
    pairs = (pair.partition("=") for pair in line.split(";"))
    return [_PastedCookie(name.strip(), value.strip()) for name, equals, value in pairs if equals]


def _read_json(text: str) -> list[_PastedCookie]:
    """A list of cookies, `{"cookies": [...]}`, or a plain object of names and values."""
    try:
        document: object = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return []
    if isinstance(document, dict) and not isinstance(document.get("cookies"), list):
        return [_PastedCookie(name, value) for name, value in document.items() if isinstance(value, str)]
    entries = document["cookies"] if isinstance(document, dict) else document
    return [cookie for entry in entries if (cookie := _read_entry(entry))] if isinstance(entries, list) else []


def _read_entry(entry: object) -> _PastedCookie | None:
    if not isinstance(entry, dict):
        return None
    name, value, domain = entry.get("name"), entry.get("value"), entry.get("domain", "")
    if isinstance(name, str) and isinstance(value, str) and isinstance(domain, str):
        return _PastedCookie(name, value, domain)
    return None


def _read_cookies_txt(text: str) -> list[_PastedCookie]:
    """Netscape's format: seven fields a line, tabs (some editors make them spaces), `#HttpOnly_` before the domain."""
    cookies = []
    for line in text.splitlines():
        fields = line.removeprefix("#HttpOnly_").split()
        if len(fields) == 7 and fields[1] in ("TRUE", "FALSE"):
            cookies.append(_PastedCookie(fields[5], fields[6], domain=fields[0]))
    return cookies


def _read_curl(text: str) -> list[_PastedCookie]:
    """A browser's "Copy as cURL", for a Unix shell or for Windows' cmd."""
    if '^"' in text:
        text = re.sub(r"\^(.)", r"\1", re.sub(r"\^\r?\n", " ", text))
    try:
        # $'...' is how a Unix shell is given "!" and its like, as \u0021.
        plain = re.sub(r"\\u00([2-7][0-9a-fA-F])", lambda code: chr(int(code[1], 16)), text.replace(" $'", " '"))
        words = shlex.split(plain)
    except ValueError:
        return []
    address = next((word for word in words if word.startswith(("https://", "http://"))), "")
    domain = address.partition("://")[2].partition("/")[0].partition(":")[0]
    cookies: list[_PastedCookie] = []
    for option, argument in pairwise(words):
        is_header = option in ("-H", "--header") and argument[:7].casefold() == "cookie:"
        if is_header or option in ("-b", "--cookie"):
            cookies += [replace(cookie, domain=domain) for cookie in _read_header(argument)]
    return cookies


def _is_under(domain: str, parents: tuple[str, ...]) -> bool:
    name = domain.strip().lstrip(".").casefold()
    return any(name == parent or name.endswith(f".{parent}") for parent in parents)


def parse_session(status: int, headers: Mapping[str, str], text: str) -> Session:
    """Read the answer to a plain GET of `SESSION_PATH`.

    Shape: a redirect to a sign-in is a Session that is not signed in.
    Raises: AccountThrottledError (429), UpstreamRefusedError (403, region, the "run into an issue" page),
    UpstreamUnavailableError (5xx, outage); UnexpectedResponseError for a page that does not say whether anybody is
    signed in, so that a page we cannot read never marks an account.
    """
    _check_status(status, headers)
    if 300 <= status < 400:
        return _parse_redirect(status, headers)
    if status != 200:
        raise _unexpected(f"status {status}", text)
    tree = LexborHTMLParser(text.encode("utf-8", "replace"))
    _check_refused(tree)
    is_signed_in = _find_signed_in(tree)
    if is_signed_in is None:
        raise _unexpected("a page that does not say who is signed in", text)
    scripts = "\n".join(node.text() for node in tree.css("script"))
    salt = _SALT.search(scripts)
    return Session(ig=_find_ig(tree, scripts), salt=salt[1] if salt else "", signed_in=is_signed_in)


def build_search_cookie(session: Session, unix_seconds: int) -> str:
    """The raw value of the cookie `SRCHHPGUSR`, which asks for English pages.

    Shape: `SRCHLANG=en&HV=<unix seconds>&HVE=<salt>&IG=<ig>`, not percent-encoded, as browsers send it.
    """
    return f"SRCHLANG=en&HV={unix_seconds}&HVE={session.salt}&IG={session.ig}"


def build_api_key(random_bytes: bytes) -> str:
    """A new API key out of 32 random bytes: `bp_` and 43 URL-safe characters."""
    return KEY_PREFIX + base64.urlsafe_b64encode(random_bytes).decode("ascii").rstrip("=")


def hash_api_key(key: str) -> str:
    """What is stored of a key. It has 256 random bits, so a plain hash is enough and can be looked up."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def is_api_key(text: str) -> bool:
    """Whether a credential claims to be one of ours; others are ignored where no key is needed."""
    return text.startswith(KEY_PREFIX)


def mask_proxy(address: str) -> str:
    """A proxy's address without its password.

    Shape: `http://name:secret@host:3128` → `http://name:•••@host:3128`; what holds no password stays as it is.
    """
    start = address.find("://") + 3 if "://" in address else 0
    credentials, at, host = address[start:].rpartition("@")
    name, colon, password = credentials.partition(":")
    return f"{address[:start]}{name}:{PASSWORD_MASK}@{host}" if at and colon and password else address


def _check_status(status: int, headers: Mapping[str, str]) -> None:
    if status >= 500:
        raise UpstreamUnavailableError(
            code="upstream_unreachable", detail=f"status {status}", retry_after=_parse_retry_after(headers)
        )
    if status == 429:
        raise AccountThrottledError(code="throttled", detail="status 429", retry_after=_parse_retry_after(headers))
    if status == 403:
        raise UpstreamRefusedError(detail="status 403")


def _parse_redirect(status: int, headers: Mapping[str, str]) -> Session:
    location = _header(headers, "location")
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        host, parts = "", urlsplit("")
    if host in _SIGN_IN_HOSTS or parts.path.startswith(_SIGN_IN_PATH):
        return Session(ig="", salt="", signed_in=False)
    raise UnexpectedResponseError(code="upstream_protocol_error", detail=f"status {status} to {host}{parts.path}")


def _find_signed_in(tree: LexborHTMLParser) -> bool | None:
    """Whether somebody is signed in: the header's sign-in link is hidden then. None when the page does not say."""
    anchor = tree.css_first("#id_a")
    if anchor is not None:
        style = "".join((anchor.attributes.get("style") or "").split()).casefold()
        return "display:none" in style
    if tree.css_first(f'a[href*="{_SIGN_IN_PATH}"]') is not None:
        return False
    # Older pages showed the balance of boosts to those who have one.
    return True if tree.css_first("#reward_c[data-tb]") is not None else None


def _find_ig(tree: LexborHTMLParser, scripts: str) -> str:
    found = _IG.search(scripts)
    if found:
        return found[1]
    for name in ("href", "action", "data-c"):
        for node in tree.css(f'[{name}*="IG="]'):
            if found := _IG_FIELD.search(node.attributes.get(name) or ""):
                return found[1]
    return ""


def _check_refused(tree: LexborHTMLParser) -> None:
    """Raise what the page says instead of being the start page; its hidden error template does not count."""
    visible = tree.clone()
    shown = [_fold(node.text()) for node in visible.css('#gil_err_d [role="heading"]')]
    for node in visible.css('#gil_err_d, [hidden], [style*="display:none"], [style*="display: none"]'):
        node.decompose()
    shown += [_fold(node.text()) for node in visible.css(_HEADINGS)]
    visible.strip_tags(["script", "style", "noscript", "title", "textarea", "option", "button", "a"])
    shown += [_fold(line) for line in visible.text(separator=_SEPARATOR).split(_SEPARATOR)]
    for line in shown:
        if line.startswith(_REFUSED):
            raise UpstreamRefusedError(detail=line[:_DETAIL_CHARACTERS])
        if line.startswith(_OVERLOADED):
            raise UpstreamUnavailableError(code="upstream_overloaded", detail=line[:_DETAIL_CHARACTERS])


def _fold(text: str) -> str:
    return " ".join(html.unescape(text).translate(_FOLDED).split()).casefold()


def _header(headers: Mapping[str, str], name: str) -> str:
    for key, value in headers.items():
        if key.lower() == name:
            return value.strip()
    return ""


def _parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; a date is measured against the response's own Date, so no clock is read."""
    value = _header(headers, "retry-after")
    if _DECIMAL.fullmatch(value):
        return float(value)
    until, now = _unix_seconds(value), _unix_seconds(_header(headers, "date"))
    return None if until is None or now is None else max(0.0, until - now)


def _unix_seconds(http_date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(http_date)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _unexpected(what: str, text: str) -> UnexpectedResponseError:
    return UnexpectedResponseError(code="upstream_protocol_error", detail=f"{what}: {text[:_DETAIL_CHARACTERS]}")
