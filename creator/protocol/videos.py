"""Parse the poll of a video generation, with all three forms of a finished video, and the detail behind a card.

Source: docs/wire/image_creator.md, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from bingproject.errors import AccountThrottledError
from creator.protocol.catalogue import DEFAULT_PATHS, Paths
from creator.protocol.media import find_video_url
from creator.protocol.media_records import MediaRecords, read_media_records
from creator.protocol.pages import (
    NOT_READY,
    HomePage,
    NotReady,
    Page,
    check_poll_status,
    is_blank,
    is_document,
    read_error_message,
    read_json,
    unexpected,
)
from creator.protocol.refusals import check_refused, check_withheld
from creator.protocol.requests import VideoCard
from creator.protocol.unknown_content import outline
from creator.protocol.waiting import classify_document, classify_fragment, read_content, unwrap_json

_LIMITS = ("too many requests", "rate limit", "concurrent")
_FAILURES = (
    "something went wrong",
    "try again later",
    "we couldn't create",
    "error occurred",
    "an error occurred",
    "unable to generate",
)
# Attributes with the address of the video itself, the most certain one first.
_ADDRESSES = (("[ourl]", "ourl"), ("video[src], video source[src]", "src"))

# If a fragment without a known video contains one of these, it may be a result in an unknown form.
_UNKNOWN_SIGNS = ("<video", ".mp4", "/th?id=")


@dataclass(frozen=True, slots=True)
class Video:
    """The finished video; `url` is mostly `<media_url>/th/id/<id>?pid=videocreator`."""

    url: str


def parse_video_result(
    status: int, headers: Mapping[str, str], text: str, *, media_url: str, paths: Paths = DEFAULT_PATHS
) -> NotReady | Video | VideoCard | HomePage:
    """Parse the response to a poll of a video generation.

    Returns:
        Video for form A (`showContent`), form B (`ourl`) and a body of addresses alone; VideoCard for form C, see
        `build_video_detail`; NotReady with an outline in `unknown` for a body of no known form; HomePage if Bing has
        lost the session.

    Raises:
        ServiceError: As `parse_results_page` raises; AccountThrottledError also if the text names a limit.
    """
    home = check_poll_status(status, headers, text, paths)
    if home is not None:
        return home
    text = unwrap_json(text)
    if is_blank(text):
        return NOT_READY
    document = read_json(text)
    if document is None:
        return _parse_page(text, media_url)
    return _parse_document(document, text, media_url)


def parse_video_detail(
    status: int, headers: Mapping[str, str], text: str, *, media_url: str, paths: Paths = DEFAULT_PATHS
) -> Video:
    """Parse the detail behind a card: JSON with a list `value`, whose entries have a `contentUrl`.

    Raises:
        ServiceError: As `check_poll_status` raises.
        UnexpectedResponseError: `upstream_interrupted` if it contains no video, which a later poll may change.
    """
    home = check_poll_status(status, headers, text, paths)
    url = "" if home else _find_content_url(read_json(text) or {}, media_url)
    if not url:
        raise unexpected("video detail without a video", text, code="upstream_interrupted")
    return Video(url)


def _parse_document(document: dict[str, object], text: str, media_url: str) -> NotReady | Video | VideoCard | HomePage:
    message = read_error_message(document)
    if message == "pending":
        return NOT_READY
    if message:
        _check_failed([message], [])
        raise unexpected("poll answered with an error", text)
    records = read_media_records(document, text)
    if records is not None:
        return _read_records(records, document, text, media_url)
    found = read_content(document, lambda content: _parse_page(content, media_url))
    if found is not None:
        return found
    url = _find_content_url(document, media_url)
    if url:
        return Video(url)
    return classify_document(document, text, "video")


def _read_records(records: MediaRecords, document: dict[str, object], text: str, media_url: str) -> NotReady | Video:
    """Read the JSON of the newer endpoint.

    It has been seen for pictures alone: a video's address is expected in the field of a picture's.
    """
    if records.is_waiting:
        return NOT_READY
    for address, _ in records.media:
        if url := find_video_url(address, media_url=media_url):
            return Video(url)
    if records.status is None:
        return NotReady(unknown=f"records: {outline(document)}")
    raise unexpected(f"records: status {records.status} without a video", text)


def _parse_page(text: str, media_url: str) -> NotReady | Video | VideoCard | HomePage:
    if url := _find_bare_url(text, media_url):
        return Video(url)
    page = Page(text)
    check_refused(page)
    if page.is_home:
        return HomePage()
    for selector, name in _ADDRESSES:
        for address in page.attributes(selector, name):
            if url := find_video_url(address, media_url=media_url):
                return Video(url)
    for address in page.attributes("a[href]", "href"):
        if card := _find_card(address):
            return card
    # Only now, because a result beside such a sign is kept.
    check_withheld(page)
    _check_failed(page.errors, [*page.headings, *page.texts])
    if is_document(text):
        raise unexpected("video page without a video", text)
    return classify_fragment(text, _UNKNOWN_SIGNS)


def _find_bare_url(text: str, media_url: str) -> str:
    """Return the first video of a body that consists of addresses alone; "" if it contains any other word."""
    words = [] if "<" in text else text.split()
    if not all("/" in word for word in words):
        return ""
    return next(filter(None, (find_video_url(word, media_url=media_url) for word in words)), "")


def _check_failed(errors: list[str], texts: list[str]) -> None:
    """Raise for the texts of a generation that has ended without a video.

    Bing's own error texts contain such a phrase. Any other text must begin with it, because it may repeat the prompt.
    """
    if _says(_LIMITS, errors, texts):
        raise AccountThrottledError(code="throttled", detail="the video page names a limit")
    if _says(_FAILURES, errors, texts):
        raise unexpected("video failed", " | ".join([*errors, *texts]))


def _says(phrases: tuple[str, ...], errors: list[str], texts: list[str]) -> bool:
    is_error = any(phrase in text for phrase in phrases for text in errors)
    return is_error or any(text.startswith(phrases) for text in texts)


def _find_card(address: str) -> VideoCard | None:
    try:
        query = parse_qs(urlsplit(address).query)
    except ValueError:
        return None
    first = {name: values[0] for name, values in query.items()}
    # Not by the name of the view, which has changed before: the type of the data identifies a video.
    if first.get("datatype", "").casefold() != "video" or not first.get("id"):
        return None
    return VideoCard(first["id"], skey=first.get("skey", ""), safe_search=first.get("safeSearch", ""))


def _find_content_url(document: dict[str, object], media_url: str) -> str:
    entries = document.get("value")
    for entry in entries if isinstance(entries, list) else []:
        address = entry.get("contentUrl") if isinstance(entry, dict) else None
        url = find_video_url(address, media_url=media_url) if isinstance(address, str) else ""
        if url:
            return url
    return ""
