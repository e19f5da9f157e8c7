"""Requests that are built from orders, as public clients were seen to send them."""

from typing import Literal
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from creator.protocol.catalogue import MODELS, Paths
from creator.protocol.requests import (
    CreatorRequest,
    Order,
    VideoCard,
    build_create,
    build_poll,
    build_video_detail,
    build_visit,
)

IG = "0123456789ABCDEF0123456789ABCDEF"
REQUEST_ID = "1-6930d798aebe4d2a9d54027da1fdb513"


def _image(prompt: str = "a cat", model: str = "DALLE", aspect: str = "SQUARE", *, is_fast: bool = True) -> Order:
    return Order("image", prompt, model, aspect, "fast" if is_fast else "standard")


def _video(lane: Literal["fast", "standard"], aspect: str = "SQUARE") -> Order:
    return Order("video", "a cat", "DALLE", aspect, lane)


def _query(request: CreatorRequest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))


def _form(request: CreatorRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body or "", keep_blank_values=True))


def test_image_create_has_all_fields() -> None:
    """The whole request of a fast DALL-E square, as values."""
    request = build_create(_image(), ig=IG)
    assert request == CreatorRequest(
        method="POST",
        path=f"/images/create?q=a+cat&FORM=GENCRE&IG={IG}&rt=4&mdl=0&ar=1",
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "origin": "https://www.bing.com",
            "referer": "https://www.bing.com/images/create",
        },
        body="q=a+cat&model=dalle&aspectRatio=1%3A1",
    )


def test_standard_lane_spends_no_boost() -> None:
    """The standard lane of images is rt=3, the fast one rt=4."""
    assert _query(build_create(_image(is_fast=False), ig=IG))["rt"] == "3"
    assert _query(build_create(_image(), ig=IG))["rt"] == "4"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("aspect", "ar"), [("SQUARE", "1"), ("LANDSCAPE", "2"), ("PORTRAIT", "3")])
def test_aspect_ratio_is_true_to_the_model(model: str, aspect: str, ar: str) -> None:
    """GPT-4o and MAI get 3:2 and 2:3, not DALL-E's ratios."""
    request = build_create(_image(model=model, aspect=aspect), ig=IG)
    assert _query(request)["ar"] == ar
    assert _form(request)["aspectRatio"] == MODELS[model].ratios[aspect]
    assert _query(request)["mdl"] == str(MODELS[model].value)
    assert _form(request)["model"] == MODELS[model].wire_name


@pytest.mark.parametrize(
    "prompt", ["a&b=c?d#e", '100% +1; "x"', "\u05d7\u05ea\u05d5\u05dc \U0001f431", "a\nb", "é" * 4000]
)
def test_prompts_travel_byte_exact(prompt: str) -> None:
    """Reserved characters, emoji and right-to-left text are unchanged in query and body."""
    request = build_create(_image(prompt), ig=IG)
    assert _query(request)["q"] == _form(request)["q"] == prompt
    assert _query(build_poll(_image(prompt), REQUEST_ID, ig=IG))["q"] == prompt
    assert request.path.isascii() and (request.body or "").isascii()


def test_ig_is_omitted_when_empty_never_null() -> None:
    """Without a session number the field is absent, not empty and not the word null."""
    for request in (
        build_create(_image(), ig=""),
        build_create(_video("fast"), ig=""),
        build_poll(_image(), REQUEST_ID, ig=""),
        build_poll(_video("standard"), REQUEST_ID, ig=""),
    ):
        assert "IG" not in _query(request)
        assert "null" not in request.path


def test_video_standard_set_goes_to_the_image_endpoint() -> None:
    """Standard videos: rt=3, pt=3, sm=0 and ctype on the image path."""
    request = build_create(_video("standard"), ig=IG)
    assert urlsplit(request.path).path == "/images/create"
    assert _query(request) == {
        "q": "a cat", "FORM": "GENCRE", "IG": IG, "rt": "3", "mdl": "0", "ar": "1", "pt": "3", "sm": "0",
        "ctype": "video",
    }  # fmt: skip
    assert _form(request) == {"q": "a cat", "model": "dalle", "aspectRatio": "1:1"}
    assert request.headers["referer"] == "https://www.bing.com/images/create?ctype=video"


def test_video_fast_set_goes_to_the_video_endpoint() -> None:
    """Fast videos: rt=4, pt=4, sm=1 on the video generator's path."""
    request = build_create(_video("fast"), ig=IG)
    assert urlsplit(request.path).path == "/images/create/ai-video-generator"
    assert _query(request) == {
        "q": "a cat", "FORM": "GENCRE", "IG": IG, "rt": "4", "mdl": "0", "ar": "5", "pt": "4", "sm": "1",
    }  # fmt: skip
    assert _form(request)["aspectRatio"] == "16:9"


@pytest.mark.parametrize("lane", ["fast", "standard"])
@pytest.mark.parametrize(("aspect", "ar", "ratio"), [("LANDSCAPE", "5", "16:9"), ("PORTRAIT", "4", "9:16")])
def test_video_shapes(lane: Literal["fast", "standard"], aspect: str, ar: str, ratio: str) -> None:
    """Landscape and portrait videos have their own numbers in query and body."""
    request = build_create(_video(lane, aspect), ig=IG)
    assert (_query(request)["ar"], _form(request)["aspectRatio"]) == (ar, ratio)


def test_image_poll() -> None:
    """A poll for pictures has prompt, session and the images' instance id."""
    request = build_poll(_image(), REQUEST_ID, ig=IG)
    assert request.method == "GET" and request.body is None
    assert request.path == f"/images/create/async/results/{REQUEST_ID}?q=a+cat&IG={IG}&IID=images.as"
    assert request.headers == {"referer": "https://www.bing.com/images/create"}


def test_video_polls_stay_at_the_endpoint_of_the_job() -> None:
    """A job is polled where it was submitted, with that endpoint's fields."""
    standard = build_poll(_video("standard"), "4-ab", ig=IG)
    assert standard.path == f"/images/create/async/results/4-ab?q=a+cat&IG={IG}&ctype=video&sm=1&girftp=1"
    fast = build_poll(_video("fast"), "4-ab", ig=IG)
    assert urlsplit(fast.path).path == "/images/create/ai-video-generator/async/results/4-ab"
    assert _query(fast).items() >= {"mmasync": "1", "sm": "1", "mdl": "0", "ar": "5", "IID": "images.as"}.items()


def test_request_id_cannot_leave_its_path_segment() -> None:
    """An id with a slash or a question mark is quoted, so that it cannot change the path."""
    request = build_poll(_image(), "../x?y", ig="")
    assert urlsplit(request.path).path == "/images/create/async/results/..%2Fx%3Fy"


def test_visit_goes_where_the_redirect_led() -> None:
    """The redirect's page is fetched as given."""
    location = f"/images/create?q=a+cat&id={REQUEST_ID}"
    assert build_visit(location) == CreatorRequest(
        "GET", location, {"referer": "https://www.bing.com/images/create"}, None
    )


def test_video_detail_names_the_card() -> None:
    """The request has the card's picture id, and its keys only if the card had them."""
    bare = build_video_detail("4-ab", VideoCard("31ad"))
    assert bare.path == "/images/create/detail/async/4-ab?imageId=31ad&ctype=video&datatype=video&SFX=1"
    full = build_video_detail("4-ab", VideoCard("31ad", skey="s k", safe_search="Strict"))
    assert parse_qs(urlsplit(full.path).query)["skey"] == ["s k"]
    assert parse_qs(urlsplit(full.path).query)["safeSearch"] == ["Strict"]


def test_base_paths_are_configurable() -> None:
    """Every request uses the given paths."""
    paths = Paths(site="https://bing.example", image="/i", video_fast="/v")
    assert build_create(_image(), ig="", paths=paths).path.startswith("/i?")
    assert build_create(_image(), ig="", paths=paths).headers["origin"] == "https://bing.example"
    assert build_create(_video("fast"), ig="", paths=paths).path.startswith("/v?")
    assert build_poll(_video("fast"), "4-ab", ig="", paths=paths).path.startswith("/v/async/results/4-ab?")
    assert build_visit("/i?id=1", paths=paths).headers["referer"] == "https://bing.example/i"
    assert build_video_detail("4-ab", VideoCard("x"), paths=paths).path.startswith("/i/detail/async/4-ab?")
