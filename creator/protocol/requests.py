"""Build the requests of a generation: submit, page behind the redirect, polls, detail of a video. Nothing is sent here.

Source: docs/wire/image_creator.md, sections 2.1 to 2.4, 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

from creator.protocol.catalogue import (
    ASPECTS,
    DEFAULT_PATHS,
    IMAGE_LANES,
    MODELS,
    VIDEO_LANES,
    VIDEO_MDL,
    VIDEO_SHAPES,
    VIDEO_WIRE_NAME,
    Paths,
)

FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class CreatorRequest:
    """A request to the creator.

    Attributes:
        path: Path and query, beginning with "/".
        headers: Only those that this request needs besides the client's own.
        body: The form-encoded body, None for a GET.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """What to generate. `model` and `aspect` are names of the catalogue; for a video the model is ignored."""

    kind: Literal["image", "video"]
    prompt: str
    model: str
    aspect: str
    lane: Literal["fast", "standard"]


@dataclass(frozen=True, slots=True)
class VideoCard:
    """A finished video of which the poll shows only a card; `build_video_detail` asks for its address."""

    image_id: str
    skey: str = ""
    safe_search: str = ""


def build_create(order: Order, *, ig: str, paths: Paths = DEFAULT_PATHS) -> CreatorRequest:
    """Build the POST that starts a generation; its redirect must not be followed.

    Source: docs/wire/image_creator.md, sections 2.1 and 4.1.

    Args:
        ig: The session's number; "" leaves the field out.
    """
    if order.kind == "video":
        return _build_create_video(order, ig, paths)
    model = MODELS[order.model]
    query = {
        "q": order.prompt,
        "FORM": "GENCRE",
        **_optional(IG=ig),
        **IMAGE_LANES[order.lane],
        "mdl": str(model.mdl),
        "ar": str(ASPECTS[order.aspect].ar),
    }
    body = {"q": order.prompt, "model": model.wire_name, "aspectRatio": model.ratios[order.aspect]}
    return _post(paths.image, query, body, referer=paths.image, paths=paths)


def _build_create_video(order: Order, ig: str, paths: Paths) -> CreatorRequest:
    # Both sets of section 4.1 are sent whole, since only one client says which fields make the lane.
    lane = VIDEO_LANES[order.lane]
    shape = VIDEO_SHAPES[order.lane][order.aspect]
    query = {
        "q": order.prompt,
        "FORM": "GENCRE",
        **_optional(IG=ig),
        "rt": lane["rt"],
        "mdl": str(VIDEO_MDL),
        "ar": str(shape.ar),
        **({"ctype": "video"} if order.lane == "standard" else {}),
        "pt": lane["pt"],
        "sm": lane["sm"],
    }
    body = {"q": order.prompt, "model": VIDEO_WIRE_NAME, "aspectRatio": shape.ratio}
    endpoint = _endpoint(order, paths)
    referer = f"{endpoint}?ctype=video" if order.lane == "standard" else endpoint
    return _post(endpoint, query, body, referer=referer, paths=paths)


def build_poll(order: Order, request_id: str, *, ig: str, paths: Paths = DEFAULT_PATHS) -> CreatorRequest:
    """Build a poll of a generation, on the endpoint to which it was submitted.

    For an image: `/images/create/async/results/<id>?q=…&IG=…&IID=images.as`. Source: docs/wire/image_creator.md,
    sections 3 and 4.2.

    Args:
        ig: The session's number; "" leaves the field out.
    """
    query = {"q": order.prompt, **_optional(IG=ig)}
    if order.kind == "image":
        query |= {"IID": "images.as"}
    elif order.lane == "standard":
        query |= {"ctype": "video", "sm": "1", "girftp": "1"}
    else:
        shape = VIDEO_SHAPES[order.lane][order.aspect]
        query |= {"IID": "images.as", "ctype": "video", "mmasync": "1", "sm": "1", "girftp": "1"}
        query |= {"mdl": str(VIDEO_MDL), "ar": str(shape.ar)}
    endpoint = _endpoint(order, paths)
    # Quoted, because an id from Bing must not be able to change the path.
    return _get(f"{endpoint}/async/results/{quote(request_id, safe='')}", query, referer=endpoint, paths=paths)


def build_visit(location: str, *, paths: Paths = DEFAULT_PATHS) -> CreatorRequest:
    """Build the GET of the page that an accepted submit redirects to; browsers open it once before they poll."""
    return CreatorRequest("GET", location, {"referer": paths.site + paths.image}, None)


def build_video_detail(request_id: str, card: VideoCard, *, paths: Paths = DEFAULT_PATHS) -> CreatorRequest:
    """Build the GET of the JSON with the address of a card's video.

    Source: docs/wire/image_creator.md, section 4.2, form C.
    """
    query = {
        "imageId": card.image_id,
        "ctype": "video",
        **_optional(skey=card.skey, safeSearch=card.safe_search),
        "datatype": "video",
        "SFX": "1",
    }
    path = f"{paths.image}/detail/async/{quote(request_id, safe='')}"
    return _get(path, query, referer=paths.image, paths=paths)


def _endpoint(order: Order, paths: Paths) -> str:
    is_fast_video = order.kind == "video" and order.lane == "fast"
    return paths.video_fast if is_fast_video else paths.image


def _optional(**fields: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _get(path: str, query: dict[str, str], *, referer: str, paths: Paths) -> CreatorRequest:
    return CreatorRequest("GET", f"{path}?{urlencode(query)}", {"referer": paths.site + referer}, None)


def _post(path: str, query: dict[str, str], body: dict[str, str], *, referer: str, paths: Paths) -> CreatorRequest:
    # As a page of Bing's would send them (section 2.3).
    headers = {"content-type": FORM_TYPE, "origin": paths.site, "referer": paths.site + referer}
    return CreatorRequest("POST", f"{path}?{urlencode(query)}", headers, urlencode(body))
