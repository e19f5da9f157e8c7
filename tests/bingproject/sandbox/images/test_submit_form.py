"""How strictly a submit is read."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from bingproject.sandbox.core.exchange import Request
from bingproject.sandbox.core.state import IMAGE, VIDEO
from bingproject.sandbox.images.submit_form import CREATE, IMAGE_DOOR, VIDEO_DOOR, SubmitForm, is_ig, parse_submit

IMAGE_QUERY = {"q": "a cat", "FORM": "GENCRE", "rt": "4", "mdl": "1", "ar": "2"}
VIDEO_QUERY = {"q": "a cat", "FORM": "GENCRE", "rt": "3", "mdl": "0", "ar": "1", "ctype": "video", "pt": "3", "sm": "0"}
FAST_QUERY = {"q": "a cat", "FORM": "GENCRE", "rt": "4", "mdl": "0", "ar": "5", "pt": "4", "sm": "1"}
FORM = "application/x-www-form-urlencoded"


def read(
    query: dict[str, str], body: dict[str, str] | None, path: str = CREATE, content_type: str = FORM
) -> SubmitForm:
    """Parse a submit of these fields."""
    scope = {
        "method": "POST",
        "path": path,
        "query_string": urlencode(query).encode(),
        "headers": [(b"content-type", content_type.encode())] if content_type else [],
    }
    return parse_submit(Request(scope), urlencode(body).encode() if body else b"")


def test_a_good_image_submit_is_understood() -> None:
    """Model, aspect and lane are read, nothing is wrong; a body is not needed."""
    form = read(IMAGE_QUERY, {"q": "a cat", "model": "gpt4o", "aspectRatio": "3:2", "qs": "ds"})
    assert (form.faults, form.kind, form.model, form.aspect, form.lane, form.rt) == ([], IMAGE, 1, 2, "fast", 4)
    assert read(IMAGE_QUERY | {"IG": "A" * 32}, None, content_type="").faults == []


def test_good_video_submits_are_understood() -> None:
    """The standard lane at the creator's door, the fast one at its own or there."""
    standard = read(VIDEO_QUERY, {"q": "a cat", "model": "dalle", "aspectRatio": "1:1"})
    assert (standard.faults, standard.kind, standard.lane) == ([], VIDEO, "standard")
    fast = read(FAST_QUERY, {"q": "a cat", "aspectRatio": "16:9"}, VIDEO_DOOR)
    assert (fast.faults, fast.kind, fast.lane, fast.aspect, fast.door) == ([], VIDEO, "fast", 5, "ai-video-generator")
    bare = {name: VIDEO_QUERY[name] for name in ("q", "ar", "ctype", "pt", "sm")}
    assert read(bare, None).faults == []


def test_the_newer_image_door_has_a_field_more() -> None:
    """`sm=1` and its own model number belong to that door only."""
    assert read(IMAGE_QUERY | {"mdl": "12", "sm": "1"}, None, IMAGE_DOOR).faults == []
    assert read(IMAGE_QUERY, None, IMAGE_DOOR).faults
    assert read(IMAGE_QUERY | {"mdl": "12"}, None).faults


@pytest.mark.parametrize(
    "changes",
    [
        {"q": ""}, {"q": "  "}, {"rt": "5"}, {"rt": ""}, {"mdl": "7"}, {"mdl": "dalle"}, {"ar": "4"}, {"ar": "1:1"},
        {"FORM": ""}, {"pt": "4"}, {"IG": "null"}, {"IG": "a" * 32},
    ],
)  # fmt: skip
def test_a_bad_image_query_has_a_fault(changes: dict[str, str]) -> None:
    """Each field that no client would send so is named."""
    assert read(IMAGE_QUERY | changes, None).faults


@pytest.mark.parametrize("changes", [{"pt": "5"}, {"sm": "1"}, {"rt": "4"}, {"mdl": "1"}, {"ar": "2"}])
def test_a_bad_video_query_has_a_fault(changes: dict[str, str]) -> None:
    """Lane, sm and rt have to agree, models and aspects to exist."""
    assert read(VIDEO_QUERY | changes, None).faults


@pytest.mark.parametrize(
    "body", [{"q": "a dog"}, {"model": "gpt4o"}, {"q": "a cat", "model": "dalle"}, {"q": "a cat", "aspectRatio": "1:1"}]
)
def test_a_body_that_disagrees_has_a_fault(body: dict[str, str]) -> None:
    """Prompt, model and ratio of the body are those of the query."""
    assert read(IMAGE_QUERY, body).faults


def test_a_body_of_another_type_has_a_fault() -> None:
    """Only a form will do."""
    assert read(IMAGE_QUERY, {"q": "a cat"}, content_type="application/json").faults
    assert read(IMAGE_QUERY, {"q": "a cat"}, content_type="").faults
    assert read(IMAGE_QUERY, {"q": "a cat"}, content_type=f"{FORM}; charset=utf-8").faults == []


def test_an_ig_is_32_upper_case_hex_digits() -> None:
    """Nothing else is."""
    assert is_ig("0123456789ABCDEF" * 2)
    assert not is_ig("0123456789abcdef" * 2)
    assert not is_ig("")
