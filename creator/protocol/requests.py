"""Orders → requests: submit, the redirect's page, polls and the detail of a video. Pure values, nothing is sent here.

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
class HttpRequest:
    """A request as a value: `path` begins with "/" and holds the query; `headers` only what is special to it."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller wants made. `model` and `aspect` are names of the catalogue; a video has no model of its own."""

    kind: Literal["image", "video"]
    prompt: str
    model: str
    aspect: str
    lane: Literal["fast", "standard"]


@dataclass(frozen=True, slots=True)
class VideoCard:
    """A finished video of which the poll shows only a card; its address is one more request away."""

    image_id: str
    skey: str = ""
    safe_search: str = ""


def build_create(order: Order, *, ig: str, paths: Paths = DEFAULT_PATHS) -> HttpRequest:
    """The POST that starts a generation; its redirect must not be followed.

    Shape: query with prompt, lane, model and aspect; body with prompt, model word and ratio. `ig` "" is left out.
    Source: docs/wire/image_creator.md, sections 2.1 and 4.1.
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


def _build_create_video(order: Order, ig: str, paths: Paths) -> HttpRequest:
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
    door = _door(order, paths)
    referer = f"{door}?ctype=video" if order.lane == "standard" else door
    return _post(door, query, body, referer=referer, paths=paths)


def build_poll(order: Order, request_id: str, *, ig: str, paths: Paths = DEFAULT_PATHS) -> HttpRequest:
    """One look at a generation, on the door it was submitted at.

    Shape: `/images/create/async/results/<id>?q=…&IG=…&IID=images.as`; `ig` "" is left out, never sent as a word.
    Source: docs/wire/image_creator.md, sections 3 and 4.2.
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
    door = _door(order, paths)
    return _get(f"{door}/async/results/{quote(request_id, safe='')}", query, referer=door, paths=paths)


def build_visit(location: str, *, paths: Paths = DEFAULT_PATHS) -> HttpRequest:
    """The page that an accepted submit redirects to; browsers go there once, before they poll."""
    return HttpRequest("GET", location, {"referer": paths.site + paths.image}, None)


def build_video_detail(request_id: str, card: VideoCard, *, paths: Paths = DEFAULT_PATHS) -> HttpRequest:
    """The JSON that knows the address of the video on a card.

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


def _door(order: Order, paths: Paths) -> str:
    is_fast_video = order.kind == "video" and order.lane == "fast"
    return paths.video_fast if is_fast_video else paths.image


def _optional(**fields: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _get(path: str, query: dict[str, str], *, referer: str, paths: Paths) -> HttpRequest:
    return HttpRequest("GET", f"{path}?{urlencode(query)}", {"referer": paths.site + referer}, None)


def _post(path: str, query: dict[str, str], body: dict[str, str], *, referer: str, paths: Paths) -> HttpRequest:
    headers = {"content-type": FORM_TYPE, "origin": paths.site, "referer": paths.site + referer}
    return HttpRequest("POST", f"{path}?{urlencode(query)}", headers, urlencode(body))
