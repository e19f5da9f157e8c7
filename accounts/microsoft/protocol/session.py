"""Read the creator's start page, which shows if an account is signed in.

Source: docs/wire/image_creator.md, section 1.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from bingproject.errors import (
    AccountThrottledError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from bingproject.upstream.markup import is_readable
from bingproject.upstream.response_headers import find_header, parse_retry_after

# Without a query: Bing starts a creation for a GET with a creation's query.
SESSION_PATH = "/images/create"

_SIGN_IN_HOSTS = frozenset({"login.live.com", "login.microsoftonline.com", "login.microsoft.com"})
_SIGN_IN_PATH = "/fd/auth/signin"
_IG = re.compile(r"""\bIG\s*[:=]\s*["']([0-9A-Za-z]{10,64})["']""")
_IG_FIELD = re.compile(r"[?&]IG=([0-9A-Fa-f]{32})(?![0-9A-Za-z])")
# The salt goes into a cookie unencoded, so accept only characters that a cookie can hold.
_SALT = re.compile(r"""\bSalt\s*[:=]\s*["']([0-9A-Za-z+/=_-]{1,200})["']""")
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
    """The session that the creator's start page shows; `ig` and `salt` are "" if it has none."""

    ig: str
    salt: str
    signed_in: bool


def parse_session(status: int, headers: Mapping[str, str], text: str) -> Session:
    """Read the response to a plain GET of `SESSION_PATH`.

    A redirect to a sign-in page gives a Session that is not signed in.

    Raises:
        AccountThrottledError: Status 429.
        UpstreamRefusedError: Status 403, a refused region, or the "run into an issue" page.
        UpstreamUnavailableError: Status 5xx, or the page of an outage.
        UnexpectedResponseError: The page does not show if the account is signed in. It must not change the account.
    """
    _check_status(status, headers)
    if 300 <= status < 400:
        return _parse_redirect(status, headers)
    if status != 200:
        raise _unexpected(f"status {status}", text)
    if not is_readable(text):
        raise _unexpected("a page too long, or nested too deeply, to be read", text)
    tree = LexborHTMLParser(text.encode("utf-8", "replace"))
    _check_refused(tree)
    is_signed_in = _find_signed_in(tree)
    if is_signed_in is None:
        raise _unexpected("a page that does not say who is signed in", text)
    scripts = "\n".join(node.text() for node in tree.css("script"))
    salt = _SALT.search(scripts)
    return Session(ig=_find_ig(tree, scripts), salt=salt[1] if salt else "", signed_in=is_signed_in)


def build_search_cookie(session: Session, unix_seconds: int) -> str:
    """Return the value of the cookie `SRCHHPGUSR`, which requests English pages.

    Example: `SRCHLANG=en&HV=<unix seconds>&HVE=<salt>&IG=<ig>`, not percent-encoded, as browsers send it.
    """
    return f"SRCHLANG=en&HV={unix_seconds}&HVE={session.salt}&IG={session.ig}"


def _check_status(status: int, headers: Mapping[str, str]) -> None:
    if status >= 500:
        raise UpstreamUnavailableError(
            code="upstream_unreachable", detail=f"status {status}", retry_after=parse_retry_after(headers)
        )
    if status == 429:
        raise AccountThrottledError(code="throttled", detail="status 429", retry_after=parse_retry_after(headers))
    if status == 403:
        raise UpstreamRefusedError(detail="status 403")


def _parse_redirect(status: int, headers: Mapping[str, str]) -> Session:
    location = find_header(headers, "location").strip()
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        host, parts = "", urlsplit("")
    if host in _SIGN_IN_HOSTS or parts.path.startswith(_SIGN_IN_PATH):
        return Session(ig="", salt="", signed_in=False)
    raise UnexpectedResponseError(code="upstream_protocol_error", detail=f"status {status} to {host}{parts.path}")


def _find_signed_in(tree: LexborHTMLParser) -> bool | None:
    """True if the header's sign-in link is hidden, as for signed-in users; None if the page does not show it."""
    anchor = tree.css_first("#id_a")
    if anchor is not None:
        style = "".join((anchor.attributes.get("style") or "").split()).casefold()
        return "display:none" in style
    if tree.css_first(f'a[href*="{_SIGN_IN_PATH}"]') is not None:
        return False
    # Older pages show the balance of boosts, which only signed-in users have.
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
    """Raise the error that the page shows, if it shows one; its hidden error template does not count."""
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


def _unexpected(what: str, text: str) -> UnexpectedResponseError:
    return UnexpectedResponseError(code="upstream_protocol_error", detail=f"{what}: {text[:_DETAIL_CHARACTERS]}")
