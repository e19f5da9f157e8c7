"""What accompanies an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.protocol.events import Source
from chat.protocol.m365.grounding import parse_exhausted, parse_images, parse_queries, parse_references
from chat.protocol.m365.records import M365Message

URL = "https://ex.test/a"


def reference(content: Any) -> dict[str, Any]:
    """Return a reference with this display data."""
    return {"targetLink": URL, "displayData": {"content": content}}


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (json.dumps({"Title": "T", "label": "l", "providerDisplayName": "p"}), "T"),
        (json.dumps({"Title": "", "label": "l"}), "l"),
        (json.dumps({"Title": 7, "providerDisplayName": "p"}), "p"),
        ("{}", URL),
        ("[]", URL),
        ("{", URL),
        ("[" * 100_000, URL),
        (None, URL),
    ],
)
def test_a_source_has_the_best_title(content: Any, title: str) -> None:
    """Without a title it has its address."""
    assert parse_references({"3-ab": reference(content)}) == {"3-ab": (3, Source(title, URL))}


@pytest.mark.parametrize(
    "value", [None, [], {"1-a": 7}, {"1-a": {}}, {"x": reference("{}")}, {"1-a": {"targetLink": "javascript:x"}}]
)
def test_incomplete_references_are_skipped(value: Any) -> None:
    """Those without a number or an address."""
    assert parse_references(value) == {}


def test_a_reference_without_display_data() -> None:
    """Its address is its title."""
    assert parse_references({"1-a": {"targetLink": URL}}) == {"1-a": (1, Source(URL, URL))}


def test_queries_are_texts() -> None:
    """Entries of another type are left out."""
    assert parse_queries(M365Message(search_queries=["tides", "", 7])) == ("tides",)
    assert parse_queries(M365Message(search_queries="tides")) == ()


def test_images_are_addresses() -> None:
    """They come from all entries; while a picture is being made there is none."""
    entries = [7, {}, {"ImageReferenceUrls": []}, {"ImageReferenceUrls": [URL, 7, "", "data:x"]}]
    assert parse_images(M365Message(content_generation_progress_list=entries)) == (URL,)
    assert parse_images(M365Message()) == ()


def test_meters_at_zero_are_exhausted() -> None:
    """Other values mean nothing."""
    meters = {
        "a": {"remainingAllowance": 0},
        "b": {"remainingAllowance": 1},
        "c": {"remainingAllowance": False},
        "d": {},
        "e": 7,
    }
    assert parse_exhausted({"metering": meters}) == ("a",)
    assert parse_exhausted({"metering": []}) == parse_exhausted(None) == ()
