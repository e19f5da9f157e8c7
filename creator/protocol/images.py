"""Parse the poll of an image generation: not ready, a preview, the pictures, or the reason why there are none.

Polling is the hot path: an empty or a pending body is recognised without building a tree.
Source: docs/wire/image_creator.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from selectolax.lexbor import LexborNode

from creator.protocol.catalogue import DEFAULT_PATHS, Paths
from creator.protocol.media import build_image_url, find_image_id, is_image_id
from creator.protocol.media_records import MediaRecords, read_media_records
from creator.protocol.pages import (
    NOT_READY,
    HomePage,
    NotReady,
    Page,
    attribute,
    check_poll_status,
    is_blank,
    is_cut,
    is_document,
    read_error_message,
    read_json,
    unexpected,
)
from creator.protocol.refusals import check_refused, check_withheld
from creator.protocol.unknown_content import outline
from creator.protocol.waiting import STATUS_PAGE, classify_document, classify_fragment, read_content, unwrap_json

_PREVIEW = ".imgri-inner-container.strm"
_RESULTS = ".imgri-inner-container img, img.mimg, img.gir_mmimg, img.image-row-img"
# If a fragment without a known picture contains one of these, it may be a result in an unknown form.
_UNKNOWN_SIGNS = ("/th/id/", "/th?id=")
# Every refusal, picture and whole page contains at least one of these.
_SIGNS = ("girer", "gil_err", "dq-err", "BlockedBy", "heading", "<h", "<img", "</html")
# The ids of all generated pictures seen begin like this; other media on a page are decoration.
_GENERATED = "OIG"
_OTHER_ADDRESSES = (("img[data-src]", "data-src"), ("a[href]", "href"))


@dataclass(frozen=True, slots=True)
class Images:
    """The finished pictures.

    Attributes:
        urls: Each picture once, in the order of the page.
        prompt: Bing's own wording of the prompt, "" if the page has none.
    """

    urls: tuple[str, ...]
    prompt: str


def parse_results_page(
    status: int, headers: Mapping[str, str], text: str, *, media_url: str, paths: Paths = DEFAULT_PATHS
) -> NotReady | Images | HomePage:
    """Parse the response to a poll of an image generation.

    Returns:
        Images with URLs of the form `<media_url>/th/id/<id>?pid=ImgGn`; NotReady also for a preview, for every model;
        HomePage if Bing has lost the session.

    Raises:
        PromptRejectedError: The prompt or the result is refused.
        UpstreamUnavailableError: Bing is overloaded, or sends a 5xx.
        AccountThrottledError: Status 429.
        CookieExpiredError: Bing redirects to a sign-in page.
        UpstreamRefusedError: Bing refuses the region or the client, or sends a 403.
        UnexpectedResponseError: `upstream_interrupted` for another status, which may pass; `upstream_protocol_error`
            for Bing's own error text or a page of no known form.
    """
    home = check_poll_status(status, headers, text, paths)
    if home is not None:
        return home
    text = unwrap_json(text)
    if is_blank(text) or _is_bare_status_page(text):
        return NOT_READY
    document = read_json(text)
    if document is not None:
        return _parse_document(document, text, media_url)
    return _parse_page(text, media_url)


def _parse_page(text: str, media_url: str) -> NotReady | Images | HomePage:
    if image_ids := _find_bare_ids(text, media_url):
        return _images(image_ids, "", media_url)
    page = Page(text)
    check_refused(page)
    # Before pictures are sought: a start page has a gallery, and a preview has the classes of a result.
    if page.is_home:
        return HomePage()
    if page.has(_PREVIEW):
        # A withdrawn preview would else stay pending until the deadline.
        check_withheld(page)
        return NotReady(is_preview=True)
    image_ids = _find_marked_ids(page, media_url)
    if not image_ids and not is_document(text):
        image_ids = _find_generated_ids(page, media_url)
    # A truncated fragment may lack pictures: fail this poll instead of returning fewer.
    if image_ids and is_cut(text):
        raise unexpected("results page cut short", text)
    if image_ids:
        return _images(image_ids, _find_prompt(page), media_url)
    check_withheld(page)
    if STATUS_PAGE in text or not _should_show_pictures(page, text):
        return classify_fragment(text, _UNKNOWN_SIGNS)
    raise unexpected("results page without results", text)


def _images(image_ids: Sequence[str], prompt: str, media_url: str) -> Images:
    return Images(tuple(build_image_url(image_id, media_url=media_url) for image_id in image_ids), prompt)


def _parse_document(document: dict[str, object], text: str, media_url: str) -> NotReady | Images | HomePage:
    message = read_error_message(document)
    if message == "pending":
        return NOT_READY
    if message:
        raise unexpected("poll answered with an error", text)
    records = read_media_records(document, text)
    if records is not None:
        return _read_records(records, document, text, media_url)
    found = read_content(document, lambda content: _parse_page(content, media_url))
    if found is not None:
        return found
    return classify_document(document, text, "picture")


def _read_records(records: MediaRecords, document: dict[str, object], text: str, media_url: str) -> NotReady | Images:
    """Read the JSON of the newer endpoint: an item's media id is in its address or beside it."""
    found = [
        find_image_id(address, media_url=media_url) or (media_id if is_image_id(media_id) else "")
        for address, media_id in records.media
    ]
    image_ids = list(dict.fromkeys(filter(None, found)))
    if records.is_waiting:
        return NotReady(is_preview=bool(image_ids))
    if image_ids:
        return _images(image_ids, "", media_url)
    if records.status is None:
        return NotReady(unknown=f"records: {outline(document)}")
    raise unexpected(f"records: status {records.status} without a picture", text)


def _find_bare_ids(text: str, media_url: str) -> list[str]:
    """Return the media ids of a body that consists of picture addresses alone, one per line; else nothing."""
    if "<" in text or "/th/id/" not in text:
        return []
    found = [find_image_id(line, media_url=media_url) for line in text.split()]
    return list(dict.fromkeys(found)) if all(found) else []


def _is_bare_status_page(text: str) -> bool:
    """True for a pending page without any sign of a result or refusal.

    A text search takes a microsecond, and saves the tree.
    """
    return STATUS_PAGE in text and not any(sign in text for sign in _SIGNS)


def _should_show_pictures(page: Page, text: str) -> bool:
    """True if the body has a form that only a finished generation has, so that no readable picture is a fault."""
    return is_document(text) or "text/css" in text or page.has("img")


def _find_marked_ids(page: Page, media_url: str) -> list[str]:
    """Return the media ids of pictures with a known class, each once, in the order of the page."""
    marked = [_find_id(node, media_url) for node in page.tree.css(_RESULTS)]
    found = list(dict.fromkeys(filter(None, marked)))
    return [image_id for image_id in found if image_id.startswith(_GENERATED)] or found


def _find_generated_ids(page: Page, media_url: str) -> list[str]:
    """Return media ids by their form alone, for the case that Bing changes the classes.

    Only for fragments, because whole pages have galleries. Ids of generated pictures count wherever the fragment names
    them. Without any, every picture that it shows from the media path counts.
    """
    shown = [find_image_id(source, media_url=media_url) for source in page.attributes("img[src]", "src")]
    named = shown + [
        find_image_id(source, media_url=media_url)
        for selector, name in _OTHER_ADDRESSES
        for source in page.attributes(selector, name)
    ]
    generated = [image_id for image_id in named if image_id.startswith(_GENERATED)]
    return list(dict.fromkeys(generated or filter(None, shown)))


def _find_id(picture: LexborNode, media_url: str) -> str:
    """Return a picture's id from its `src`, else from the attribute `m` of the link around it."""
    image_id = find_image_id(attribute(picture, "src"), media_url=media_url)
    if image_id or picture.parent is None:
        return image_id
    return find_image_id(_read_media_url(attribute(picture.parent, "m")), media_url=media_url)


def _read_media_url(description: str) -> str:
    """Return `MediaUrl` of `{"CustomData": "{\\"MediaUrl\\": …}"}`, JSON in JSON; "" if it is missing."""
    try:
        outer = msgspec.json.decode(description or "{}", type=_LinkDescription)
        return msgspec.json.decode(outer.CustomData or "{}", type=_CustomData).MediaUrl
    except (ValueError, RecursionError):
        return ""


class _LinkDescription(msgspec.Struct):
    CustomData: str = ""


class _CustomData(msgspec.Struct):
    MediaUrl: str = ""


def _find_prompt(page: Page) -> str:
    # Section 3: Bing's own wording is the first `data-selcap`, else the alternative text of a picture.
    for wording in page.attributes("[data-selcap]", "data-selcap"):
        if wording.strip():
            return wording.strip()
    for wording in page.attributes("img.image-row-img[alt]", "alt"):
        if wording.strip():
            return wording.strip()
    return ""
