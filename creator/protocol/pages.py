"""Read a response of the creator: status, headers, JSON, and the visible text of a page.

Source: docs/wire/image_creator.md, sections 2.5 (traps) and 3.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import msgspec
from selectolax.lexbor import LexborHTMLParser, LexborNode

from bingproject.errors import (
    AccountThrottledError,
    CookieExpiredError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from bingproject.upstream.markup import is_readable
from bingproject.upstream.response_headers import find_header, parse_retry_after
from creator.protocol.catalogue import Paths
from creator.protocol.media import is_bing_host

DETAIL_CHARACTERS = 500
_BEGINNING_CHARACTERS = 1_000
PENDING_MESSAGES = frozenset({"pending", "still pending"})

# Keys of the JSON, which are read in any letter case.
_KEYS = ("errorMessage", "showContent", "records", "mediaItems", "status", "errorType", "value", "contentUrl")
_KNOWN_KEYS = {key.casefold(): key for key in (*_KEYS, "src", "thid")}
_SIGN_IN = "#id_a"  # the sign-in link, hidden for those who are signed in
_SEARCH_FORM = "#sb_form"
_SESSION_SCRIPT = re.compile(r"""\bIG\s*[:=]\s*["']""")
_ERROR_HEADINGS = ".gil_err_mt, .gil_err_sbt"
_HEADINGS = '[role="heading"], h1, h2, h3'
_INVISIBLE = '[hidden], [style*="display:none"], [style*="display: none"]'
# Parts in which a page may repeat the prompt: their text is never read as Bing's own.
_ECHOES = ["script", "style", "noscript", "title", "textarea", "option", "button", "a"]
_SEPARATOR = "\x1e"
# Curly and modifier apostrophes, acute and grave accents; em and en dash.
_FOLDED = str.maketrans("\u2019\u2018\u02bc\u00b4`\u2014\u2013", "'" * 5 + "--")


@dataclass(frozen=True, slots=True)
class HomePage:
    """The creator's start page: the session has expired or the prompt was refused, and the page does not say which."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """No result yet.

    Attributes:
        is_preview: True if the page shows an unfinished picture.
        unknown: The outline of a body of no known form, else "". The body may be a result in a new form, so a caller
            that sees the same outline several times must give up.
    """

    is_preview: bool = False
    unknown: str = ""


NOT_READY = NotReady()


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect to one of the creator's own paths; `location` is path and query, without the host."""

    location: str


def check_status(status: int, headers: Mapping[str, str]) -> None:
    """Raise for the statuses that mean the same in every response.

    Raises:
        UpstreamUnavailableError: Status 5xx.
        AccountThrottledError: Status 429.
        UpstreamRefusedError: Status 403.
    """
    if status >= 500:
        raise UpstreamUnavailableError(
            code="upstream_unreachable", detail=f"status {status}", retry_after=parse_retry_after(headers)
        )
    if status == 429:
        raise AccountThrottledError(code="throttled", detail="status 429", retry_after=parse_retry_after(headers))
    if status == 403:
        raise UpstreamRefusedError(detail="status 403")


def parse_redirect(status: int, headers: Mapping[str, str], paths: Paths) -> Redirect:
    """Parse a 3xx.

    Raises:
        CookieExpiredError: It leads away from the creator, as a redirect to a sign-in page does.
        UnexpectedResponseError: It has no readable Location.
    """
    location = find_header(headers, "location").strip()
    if not location:
        raise UnexpectedResponseError(code="upstream_protocol_error", detail=f"status {status} without Location")
    try:
        parts = urlsplit(urljoin(paths.site + paths.image, location))
        host = parts.hostname or ""
    except ValueError:
        raise UnexpectedResponseError(code="upstream_protocol_error", detail="unreadable Location") from None
    is_creator = parts.path == paths.image or parts.path.startswith(paths.image + "/")
    if not is_creator or not is_bing_host(host):
        # Only host and path for the log, because the query of a sign-in address contains ids.
        raise CookieExpiredError(detail=f"redirected to {host}{parts.path}")
    # Without the host: requests go to the configured one, whichever Bing names.
    return Redirect(parts.path + (f"?{parts.query}" if parts.query else ""))


def check_poll_status(status: int, headers: Mapping[str, str], text: str, paths: Paths) -> HomePage | None:
    """Check the status of a poll.

    Returns:
        None if the body is to be read, HomePage for a redirect to the creator.

    Raises:
        ServiceError: As `check_status` and `parse_redirect` raise.
        UnexpectedResponseError: `upstream_interrupted` for any other status, which may pass.
    """
    if status == 200:
        return None
    check_status(status, headers)
    if 300 <= status < 400:
        parse_redirect(status, headers, paths)
        return HomePage()
    raise unexpected(f"poll answered with status {status}", text, code="upstream_interrupted")


def read_error_message(document: dict[str, object]) -> str:
    """Return Bing's `errorMessage`, folded (see `fold`); "pending" for both wordings of a pending generation."""
    message = document.get("errorMessage")
    folded = fold(str(message or ""))
    return "pending" if folded in PENDING_MESSAGES else folded


def is_blank(text: str) -> bool:
    """True if a body is empty or white space."""
    return not text or text.isspace()


def is_cut(text: str) -> bool:
    """True if the end is missing: of a page its last tag, of a fragment the end of a tag."""
    return not (_is_whole(text) if is_document(text) else text.rstrip().endswith(">"))


def is_document(text: str) -> bool:
    """True if a body is a whole page; results of polls are fragments."""
    beginning = text[:_BEGINNING_CHARACTERS].casefold()
    return "<html" in beginning or "<!doctype" in beginning


def _is_whole(text: str) -> bool:
    return "</html" in text.casefold()


def read_json(text: str) -> dict[str, object] | None:
    """Return the JSON object of a body, with known keys in one spelling; None if the body is no JSON object.

    Raises:
        UnexpectedResponseError: The body begins like a JSON object and cannot be decoded.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return None
    try:
        return _normalise_keys(msgspec.json.decode(text.lstrip("\ufeff"), type=dict[str, object]))
    except (ValueError, RecursionError):
        raise unexpected("unreadable JSON", text) from None


def _normalise_keys(document: dict[str, object]) -> dict[str, object]:
    normalised: dict[str, object] = {}
    for key, value in document.items():
        name = _KNOWN_KEYS.get(key.casefold(), key)
        # The exact spelling wins over another one of the same key.
        if name == key or name not in normalised:
            normalised[name] = _normalise_value(value)
    return normalised


def _normalise_value(value: object) -> object:
    if isinstance(value, list):
        return [_normalise_value(entry) for entry in value]
    return _normalise_keys(value) if isinstance(value, dict) else value


def unexpected(what: str, text: str, code: str = "upstream_protocol_error") -> UnexpectedResponseError:
    """Return the error for a body of no known form, with its beginning for the log."""
    return UnexpectedResponseError(code=code, detail=f"{what}: {text[:DETAIL_CHARACTERS]}")


def fold(text: str) -> str:
    """Return text in the form in which it is compared with markers.

    Entities are decoded, apostrophes and dashes unified, white space collapsed and letters lower case, because Bing
    writes the same text in several ways.
    """
    return " ".join(html.unescape(text).translate(_FOLDED).split()).casefold()


class Page:
    """An HTML page or fragment without its hidden error template.

    Attributes:
        errors: Folded texts of Bing's error block.
        headings: Folded texts of visible headings.
        texts: Folded texts of visible text nodes, without form fields, links and titles, which may repeat the prompt.
        is_home: True for the creator's start page.

    Raises:
        UnexpectedResponseError: The page is too long, or nested too deeply, to be parsed in reasonable time.
    """

    def __init__(self, text: str) -> None:
        if not is_readable(text):
            raise unexpected("a page too long, or nested too deeply, to be read", text)
        # Bytes, because the parser cannot encode a lone surrogate that was escaped in JSON.
        self.tree = LexborHTMLParser(text.encode("utf-8", "replace"))
        # Trap: nearly every page contains this hidden block, which says that Bing is overloaded. Only a part of it that
        # is marked as a heading is shown.
        self.errors: list[str] = []
        for template in self.tree.css("#gil_err_d"):
            self.errors += [fold(node.text()) for node in template.css('[role="heading"]')]
            template.decompose()
        self.is_home = self._is_home(text)
        visible = self.tree.clone()
        for node in visible.css(_INVISIBLE):
            node.decompose()
        self.errors += [fold(node.text()) for node in visible.css(_ERROR_HEADINGS)]
        self.headings = [fold(node.text()) for node in visible.css(_HEADINGS)]
        visible.strip_tags(_ECHOES)
        self.texts = [fold(line) for line in visible.text(separator=_SEPARATOR).split(_SEPARATOR)]

    def _is_home(self, text: str) -> bool:
        """True for a whole page with Bing's search form, or with its sign-in link and the session's number.

        The link alone is on every page of Bing's. A truncated page is unreadable, so that no account is marked for it.
        """
        if not _is_whole(text):
            return False
        is_session = self.has(_SIGN_IN) and any(_SESSION_SCRIPT.search(node.text()) for node in self.tree.css("script"))
        return is_session or self.has(_SEARCH_FORM)

    def has(self, selector: str) -> bool:
        """True if an element matches."""
        return self.tree.css_first(selector) is not None

    def attributes(self, selector: str, name: str) -> Iterator[str]:
        """Yield the values of one attribute, in the order of the page."""
        for node in self.tree.css(selector):
            yield attribute(node, name)


def attribute(node: LexborNode, name: str) -> str:
    """Return an attribute's decoded value, "" if it is missing or empty."""
    return node.attributes.get(name) or ""
