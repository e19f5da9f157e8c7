"""A response of the creator, read: status, headers, JSON, and the page with its hidden parts taken away.

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
from bingproject.response_headers import find_header, parse_retry_after
from creator.protocol.catalogue import Paths
from creator.protocol.media import is_bing_host

DETAIL_CHARACTERS = 500
_BEGINNING_CHARACTERS = 1_000
PENDING_MESSAGES = frozenset({"pending", "still pending"})

_SIGN_IN = "#id_a"
_SEARCH_FORM = "#sb_form"
_SESSION_SCRIPT = re.compile(r"""\bIG\s*[:=]\s*["']""")
_ERROR_HEADINGS = ".gil_err_mt, .gil_err_sbt"
_HEADINGS = '[role="heading"], h1, h2, h3'
_INVISIBLE = '[hidden], [style*="display:none"], [style*="display: none"]'
# Parts in which a page repeats what people wrote: never read as Bing's own words.
_ECHOES = ["script", "style", "noscript", "title", "textarea", "option", "button", "a"]
_SEPARATOR = "\x1e"
# Curly and modifier apostrophes, acute and grave accents; em and en dash.
_FOLDED = str.maketrans("\u2019\u2018\u02bc\u00b4`\u2014\u2013", "'" * 5 + "--")


@dataclass(frozen=True, slots=True)
class HomePage:
    """Bing answered with the creator's start page: the session or the prompt is at fault, the page does not say."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Not ready yet; `is_preview` when a half-drawn picture is already shown."""

    is_preview: bool = False


PENDING = Pending()


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a 3xx on the creator's own paths leads: path and query, without the host."""

    location: str


def check_status(status: int, headers: Mapping[str, str]) -> None:
    """Raise for the statuses that mean the same everywhere: 5xx, 429, 403."""
    if status >= 500:
        raise UpstreamUnavailableError(
            code="upstream_unreachable", detail=f"status {status}", retry_after=parse_retry_after(headers)
        )
    if status == 429:
        raise AccountThrottledError(code="throttled", detail="status 429", retry_after=parse_retry_after(headers))
    if status == 403:
        raise UpstreamRefusedError(detail="status 403")


def parse_redirect(status: int, headers: Mapping[str, str], paths: Paths) -> Redirect:
    """Read a 3xx.

    Raises: CookieExpiredError when it leads anywhere but to the creator, as a sign-in does;
    UnexpectedResponseError when it leads nowhere.
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
        # The query of a sign-in address carries ids of its own: only host and path are for the log.
        raise CookieExpiredError(detail=f"redirected to {host}{parts.path}")
    return Redirect(parts.path + (f"?{parts.query}" if parts.query else ""))


def check_poll_status(status: int, headers: Mapping[str, str], text: str, paths: Paths) -> HomePage | None:
    """Read the status of a poll: None to go on, HomePage for a redirect to the creator's start.

    Raises: as `check_status` and `parse_redirect`; `upstream_interrupted` for any other status, which may pass.
    """
    if status == 200:
        return None
    check_status(status, headers)
    if 300 <= status < 400:
        parse_redirect(status, headers, paths)
        return HomePage()
    raise unexpected(f"poll answered with status {status}", text, code="upstream_interrupted")


def read_error_message(document: dict[str, object]) -> str:
    """Bing's own `errorMessage`, folded; "pending" for both spellings of that."""
    message = document.get("errorMessage")
    folded = fold(str(message or ""))
    return "pending" if folded in PENDING_MESSAGES else folded


def is_blank(text: str) -> bool:
    """Whether a body is empty or white space; stops at the first letter."""
    return not text or text.isspace()


def is_cut(text: str) -> bool:
    """Whether the end is missing: of a whole page its last tag, of a fragment the end of any tag."""
    return not (_is_whole(text) if is_document(text) else text.rstrip().endswith(">"))


def is_document(text: str) -> bool:
    """Whether a body is a whole page, where the creator's polls answer with fragments."""
    beginning = text[:_BEGINNING_CHARACTERS].casefold()
    return "<html" in beginning or "<!doctype" in beginning


def _is_whole(text: str) -> bool:
    return "</html" in text.casefold()


def read_json(text: str) -> dict[str, object] | None:
    """The JSON object of a body, None when the body is none.

    Raises: UnexpectedResponseError when it begins as one and cannot be read.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return None
    try:
        return msgspec.json.decode(text.lstrip("\ufeff"), type=dict[str, object])
    except (ValueError, RecursionError):
        raise unexpected("unreadable JSON", text) from None


def unexpected(what: str, text: str, code: str = "upstream_protocol_error") -> UnexpectedResponseError:
    """The error for a body that nobody here can read, with its beginning for the log."""
    return UnexpectedResponseError(code=code, detail=f"{what}: {text[:DETAIL_CHARACTERS]}")


def fold(text: str) -> str:
    """Text as markers are compared: entities decoded, one kind of apostrophe and dash, one space, lower case."""
    return " ".join(html.unescape(text).translate(_FOLDED).split()).casefold()


class Page:
    """An HTML page or fragment without its hidden error template.

    Shape: `errors` are folded texts of Bing's error block, `headings` of visible headings, `texts` of all other
    visible text nodes; what people wrote (form fields, links, titles) is in none of them.
    """

    def __init__(self, text: str) -> None:
        # Bytes, because a lone surrogate out of JSON has no place in UTF-8.
        self.tree = LexborHTMLParser(text.encode("utf-8", "replace"))
        # Nearly every page carries this block, invisible, saying that Bing is overloaded. A part of it that is
        # really shown is marked as a heading.
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
        """A whole page with Bing's search form, or with its sign-in link and the session's number.

        The link alone is on every page of Bing's; a page cut short is no answer that anybody should be blamed for.
        """
        if not _is_whole(text):
            return False
        is_session = self.has(_SIGN_IN) and any(_SESSION_SCRIPT.search(node.text()) for node in self.tree.css("script"))
        return is_session or self.has(_SEARCH_FORM)

    def has(self, selector: str) -> bool:
        """Whether an element matches."""
        return self.tree.css_first(selector) is not None

    def attributes(self, selector: str, name: str) -> Iterator[str]:
        """The values of one attribute, in the order of the page."""
        for node in self.tree.css(selector):
            yield attribute(node, name)


def attribute(node: LexborNode, name: str) -> str:
    """An attribute's decoded value, "" when it is absent or has none."""
    return node.attributes.get(name) or ""
