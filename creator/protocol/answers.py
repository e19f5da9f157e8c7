"""Parse Bing's response to a submit: accepted under an id, refused for a named reason, or the start page.

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

# In a redirect the name of the field identifies the id, so any token that fits into a path counts.
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,127}")
# In a page only the form identifies an id: 1-<32 hex> for images, 4-<32 hex> for videos.
_ID = r"([0-9]{1,2}-[0-9a-fA-F]{32})(?![0-9A-Za-z])"
_RESULTS_ID = re.compile(rf"/(?:async/results|detail/async)/{_ID}")
_PATH_ID = re.compile(rf"/{_ID}")
_ID_FIELDS = ("jobId", "taskId", "requestId", "id")


@dataclass(frozen=True, slots=True)
class JobReference:
    """A request that Bing has accepted.

    Attributes:
        request_id: Bing's id of the request, by which its result is polled.
        location: Path and query of the page to visit once before polling; "" if there is none.
    """

    request_id: str
    location: str


def parse_create_response(
    status: int,
    headers: Mapping[str, str],
    text: str,
    *,
    lane: Literal["fast", "standard"] = "fast",
    paths: Paths = DEFAULT_PATHS,
) -> JobReference | HomePage:
    """Parse the response to a submit, in the order of docs/wire/image_creator.md, section 2.6.

    Returns:
        JobReference for a redirect, page or JSON with an id; HomePage for the plain start page.

    Raises:
        PromptRejectedError: The prompt is refused.
        AccountThrottledError: The account has no boosts left, has too many requests, or gets a 429.
        CookieExpiredError: Bing redirects to a sign-in page.
        UpstreamRefusedError: Bing refuses the region or the client, or sends a 403.
        UpstreamUnavailableError: Bing is overloaded, or sends a 5xx.
        UnexpectedResponseError: The response has no known form.
    """
    check_status(status, headers)
    if 300 <= status < 400:
        location = parse_redirect(status, headers, paths).location
        request_id = _find_id_in_location(location)
        return JobReference(request_id, location) if request_id else HomePage()
    if status != 200:
        raise unexpected(f"submit answered with status {status}", text)
    document = read_json(text)
    if document is not None:
        return JobReference(_find_id_in_json(document, text), "")
    page = Page(text)
    check_refused(page)
    request_id = _find_id_in_page(page, paths)
    if request_id:
        return JobReference(request_id, "")
    # Only after the id, because an accepted page may show that its boost was the last one.
    check_withheld(page)
    check_boosts(page, lane)
    if not page.is_home:
        raise unexpected("submit answered with an unknown page", text)
    return HomePage()


def parse_visit(status: int, headers: Mapping[str, str], text: str) -> None:
    """Check the page behind the redirect for a late refusal; anything else on it is ignored.

    Raises:
        ServiceError: As `refusals.check_refused` raises.
    """
    if status == 200:
        check_refused(Page(text))


def _find_id_in_location(location: str) -> str:
    parts = urlsplit(location)
    # Only a field named exactly "id": sign-in addresses have "client_id", pictures of the gallery have "pid".
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
    """Return the id of the page's own job, "" if it has none; the start page also links to earlier creations."""
    for address in page.attributes("#gir", "data-c"):
        if found := _RESULTS_ID.search(address):
            return found[1]
    for name in ("data-rewriteurl", "data-mseturl", "data-imgseturl"):
        for address in page.attributes(f"[{name}]", name):
            if found := _PATH_ID.search(address):
                return found[1]
    # With several ids, nothing says which one is this job's.
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
