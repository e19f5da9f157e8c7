"""What a poll for pictures says: not yet, a preview, the pictures, or why there are none.

Polling is the hot path: an empty or a pending body is decided without building a tree.
Source: docs/wire/image_creator.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from selectolax.lexbor import LexborNode

from creator.protocol.catalogue import DEFAULT_PATHS, Paths
from creator.protocol.media import build_image_url, find_image_id
from creator.protocol.pages import (
    PENDING,
    HomePage,
    Page,
    Pending,
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

_PREVIEW = ".imgri-inner-container.strm"
_RESULTS = ".imgri-inner-container img, img.mimg, img.gir_mmimg, img.image-row-img"
_STATUS_PAGE = "GenerativeImagesStatusPage"
# What a refusal, a picture or a whole page cannot be without.
_SIGNS = ("girer", "gil_err", "dq-err", "BlockedBy", "heading", "<h", "<img", "</html")
# Every generated picture seen has such an id; other media beside them are decoration.
_GENERATED = "OIG"


@dataclass(frozen=True, slots=True)
class Images:
    """The finished pictures, each once, in the page's order; `prompt` is Bing's own wording, "" if it gives none."""

    urls: tuple[str, ...]
    prompt: str


def parse_results_page(
    status: int, headers: Mapping[str, str], text: str, *, media_url: str, paths: Paths = DEFAULT_PATHS
) -> Pending | Images | HomePage:
    """Read one look at an image generation.

    Shape: `Images.urls` are `<media_url>/th/id/<id>?pid=ImgGn`; a preview is Pending for every model.
    Raises: PromptRejectedError, UpstreamUnavailableError, AccountThrottledError (429), CookieExpiredError (sign-in),
    UpstreamRefusedError; UnexpectedResponseError with `upstream_interrupted` for a status that may pass, with
    `upstream_protocol_error` for Bing's own error text or a page nobody can read.
    """
    home = check_poll_status(status, headers, text, paths)
    if home is not None:
        return home
    if is_blank(text) or _is_bare_status_page(text):
        return PENDING
    document = read_json(text)
    if document is not None:
        return _parse_document(document, text)
    page = Page(text)
    check_refused(page)
    if page.is_home:
        return HomePage()
    if page.has(_PREVIEW):
        check_withheld(page)
        return Pending(is_preview=True)
    image_ids = _find_marked_ids(page, media_url)
    if not image_ids and not is_document(text):
        image_ids = _find_generated_ids(page, media_url)
    if image_ids and is_cut(text):
        raise unexpected("results page cut short", text)
    if image_ids:
        urls = tuple(build_image_url(image_id, media_url=media_url) for image_id in image_ids)
        return Images(urls, _find_prompt(page))
    check_withheld(page)
    if _STATUS_PAGE in text or not _should_show_pictures(page, text):
        return PENDING
    raise unexpected("results page without results", text)


def _parse_document(document: dict[str, object], text: str) -> Pending:
    message = read_error_message(document)
    is_known = "errorMessage" in document and not document.get("showContent")
    if message == "pending" or (is_known and not message):
        return PENDING
    raise unexpected("poll answered with an error", text)


def _is_bare_status_page(text: str) -> bool:
    """The pending page with nothing on it that a tree could tell more of: a look at the text costs a microsecond."""
    return _STATUS_PAGE in text and not any(sign in text for sign in _SIGNS)


def _should_show_pictures(page: Page, text: str) -> bool:
    """A whole page, styles or any picture: finished by every rule, so that none being readable is a fault."""
    return is_document(text) or "text/css" in text or page.has("img")


def _find_marked_ids(page: Page, media_url: str) -> list[str]:
    """Media ids of the known classes, in order, each once."""
    marked = [_find_id(node, media_url) for node in page.tree.css(_RESULTS)]
    found = list(dict.fromkeys(filter(None, marked)))
    return [image_id for image_id in found if image_id.startswith(_GENERATED)] or found


def _find_generated_ids(page: Page, media_url: str) -> list[str]:
    """Media ids known by their look, for the day the classes change; only for fragments, since pages have galleries."""
    anywhere = [find_image_id(source, media_url=media_url) for source in page.attributes("img", "src")]
    return list(dict.fromkeys(image_id for image_id in anywhere if image_id.startswith(_GENERATED)))


def _find_id(picture: LexborNode, media_url: str) -> str:
    """A picture's id: from its own address, else from the description on the link around it."""
    image_id = find_image_id(attribute(picture, "src"), media_url=media_url)
    if image_id or picture.parent is None:
        return image_id
    return find_image_id(_read_media_url(attribute(picture.parent, "m")), media_url=media_url)


def _read_media_url(description: str) -> str:
    """`MediaUrl` out of `{"CustomData": "{\\"MediaUrl\\": …}"}`, "" when it is not there."""
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
    for wording in page.attributes("[data-selcap]", "data-selcap"):
        if wording.strip():
            return wording.strip()
    for wording in page.attributes("img.image-row-img[alt]", "alt"):
        if wording.strip():
            return wording.strip()
    return ""
