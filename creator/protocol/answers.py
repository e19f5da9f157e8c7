"""What Bing answers to a submit: accepted under an id, refused for a named reason, or its start page.

Source: docs/wire/image_creator.md, sections 2.4 to 2.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from creator.protocol.catalogue import DEFAULT_PATHS, Paths
from creator.protocol.pages import HomePage, Page, check_status, parse_redirect, read_json, unexpected
from creator.protocol.refusals import check_boosts, check_refused, check_withheld

# In a redirect the field's name says what it is, so any token that fits into a path will do.
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,127}")
# In a page the form has to say it: 1-<32 hex> for images, 4-<32 hex> for videos.
_ID = r"([0-9]{1,2}-[0-9a-fA-F]{32})(?![0-9A-Za-z])"
_RESULTS_ID = re.compile(rf"/(?:async/results|detail/async)/{_ID}")
_PATH_ID = re.compile(rf"/{_ID}")
_ID_FIELDS = ("jobId", "taskId", "requestId", "id")


@dataclass(frozen=True, slots=True)
class Accepted:
    """Bing works on it under `request_id`; `location` is the page to visit once, "" when there is none."""

    request_id: str
    location: str


def parse_create_response(
    status: int,
    headers: Mapping[str, str],
    text: str,
    *,
    lane: Literal["fast", "standard"] = "fast",
    paths: Paths = DEFAULT_PATHS,
) -> Accepted | HomePage:
    """Read the answer to a submit.

    Shape: a redirect or a page with an id is Accepted; the plain start page is HomePage. With `lane` "standard" an
    empty balance is no reason, since that lane spends nothing.
    Raises: PromptRejectedError, AccountThrottledError, CookieExpiredError, UpstreamRefusedError,
    UpstreamUnavailableError, UnexpectedResponseError, by the rows of docs/wire/image_creator.md, section 2.5.
    """
    check_status(status, headers)
    if 300 <= status < 400:
        location = parse_redirect(status, headers, paths).location
        request_id = _find_id_in_location(location)
        return Accepted(request_id, location) if request_id else HomePage()
    if status != 200:
        raise unexpected(f"submit answered with status {status}", text)
    document = read_json(text)
    if document is not None:
        return Accepted(_find_id_in_json(document, text), "")
    page = Page(text)
    check_refused(page)
    request_id = _find_id_in_page(page, paths)
    if request_id:
        return Accepted(request_id, "")
    check_withheld(page)
    if lane == "fast":
        check_boosts(page)
    if not page.is_home:
        raise unexpected("submit answered with an unknown page", text)
    return HomePage()


def parse_visit(status: int, headers: Mapping[str, str], text: str) -> None:
    """Look for a late refusal on the page behind the redirect; anything else there means nothing.

    Raises: what `refusals.check_refused` raises.
    """
    if status == 200:
        check_refused(Page(text))


def _find_id_in_location(location: str) -> str:
    parts = urlsplit(location)
    # The field must be called exactly "id": "client_id" and "pid" are other things.
    for value in parse_qs(parts.query).get("id", []):
        if _TOKEN.fullmatch(value):
            return value
    found = _PATH_ID.search(parts.path)
    return found[1] if found else ""


def _find_id_in_json(document: dict[str, object], text: str) -> str:
    for field in _ID_FIELDS:
        value = document.get(field)
        if isinstance(value, str) and _TOKEN.fullmatch(value):
            return value
    raise unexpected("submit answered with JSON", text)


def _find_id_in_page(page: Page, paths: Paths) -> str:
    """The id of the job a page is about; the start page also links to earlier ones, which must not be taken."""
    for address in page.attributes("#gir", "data-c"):
        if found := _RESULTS_ID.search(address):
            return found[1]
    for name in ("data-rewriteurl", "data-mseturl", "data-imgseturl"):
        for address in page.attributes(f"[{name}]", name):
            if found := _PATH_ID.search(address):
                return found[1]
    linked = {_find_creation_id(address, paths) for address in page.attributes("a[href]", "href")} - {""}
    return linked.pop() if len(linked) == 1 else ""


def _find_creation_id(address: str, paths: Paths) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    query = parse_qs(parts.query)
    is_creation = parts.path in (paths.image, paths.video_fast) and query.get("FORM") == ["GENCRE"]
    values = query.get("id", []) if is_creation else []
    found = _PATH_ID.fullmatch("/" + values[0]) if values else None
    return found[1] if found else ""
