"""What a poll for a video says, in all three forms of a finished one, and the detail behind a card.

Source: docs/wire/image_creator.md, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from bingproject.errors import AccountThrottledError
from creator.protocol.catalogue import DEFAULT_PATHS, Paths
from creator.protocol.media import find_video_url
from creator.protocol.pages import (
    PENDING,
    HomePage,
    Page,
    Pending,
    check_poll_status,
    is_blank,
    is_document,
    read_error_message,
    read_json,
    unexpected,
)
from creator.protocol.refusals import check_refused, check_withheld
from creator.protocol.requests import VideoCard

_LIMITS = ("too many requests", "rate limit", "concurrent")
_FAILURES = (
    "something went wrong",
    "try again later",
    "we couldn't create",
    "error occurred",
    "an error occurred",
    "unable to generate",
)


@dataclass(frozen=True, slots=True)
class Video:
    """The finished video: `<media_url>/th/id/<id>?pid=videocreator`."""

    url: str


def parse_video_result(
    status: int, headers: Mapping[str, str], text: str, *, media_url: str, paths: Paths = DEFAULT_PATHS
) -> Pending | Video | VideoCard | HomePage:
    """Read one look at a video generation.

    Shape: form A (`showContent`) and form B (`ourl`) are Video; form C is a VideoCard, see `build_video_detail`.
    Raises: as `parse_results_page`; AccountThrottledError also when the text names a limit.
    """
    home = check_poll_status(status, headers, text, paths)
    if home is not None:
        return home
    if is_blank(text):
        return PENDING
    document = read_json(text)
    if document is None:
        return _parse_page(text, media_url)
    return _parse_document(document, text, media_url)


def parse_video_detail(
    status: int, headers: Mapping[str, str], text: str, *, media_url: str, paths: Paths = DEFAULT_PATHS
) -> Video:
    """Read the detail behind a card: JSON with a list `value`, each with `contentUrl`.

    Raises: as `check_status`; UnexpectedResponseError with `upstream_interrupted` while there is no video in it.
    """
    home = check_poll_status(status, headers, text, paths)
    url = "" if home else _find_content_url(read_json(text) or {}, media_url)
    if not url:
        raise unexpected("video detail without a video", text, code="upstream_interrupted")
    return Video(url)


def _parse_document(document: dict[str, object], text: str, media_url: str) -> Pending | Video | VideoCard | HomePage:
    message = read_error_message(document)
    if message == "pending":
        return PENDING
    if message:
        _check_failed([message], [])
        raise unexpected("poll answered with an error", text)
    content = document.get("showContent")
    if isinstance(content, str) and content:
        url = find_video_url(content, media_url=media_url)
        return Video(url) if url else _parse_page(content, media_url)
    url = _find_content_url(document, media_url)
    if url:
        return Video(url)
    # A bare flag names no video, and is no video.
    if content or "errorMessage" not in document:
        raise unexpected("poll answered with JSON that names no video", text)
    return PENDING


def _parse_page(text: str, media_url: str) -> Pending | Video | VideoCard | HomePage:
    page = Page(text)
    check_refused(page)
    if page.is_home:
        return HomePage()
    for address in page.attributes("[ourl]", "ourl"):
        if url := find_video_url(address, media_url=media_url):
            return Video(url)
    for address in page.attributes("a[href]", "href"):
        if card := _find_card(address):
            return card
    check_withheld(page)
    _check_failed(page.errors, [*page.headings, *page.texts])
    if is_document(text):
        raise unexpected("video page without a video", text)
    return PENDING


def _check_failed(errors: list[str], texts: list[str]) -> None:
    """Raise for the words of a generation that has ended without a video.

    Bing's own error texts contain them; any other text, which may repeat the prompt, has to begin with them.
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
    is_video = first.get("view") == "detailv2" and first.get("datatype") == "video"
    if not is_video or not first.get("id"):
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
