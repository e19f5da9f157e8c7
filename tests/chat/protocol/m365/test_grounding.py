"""What stands around an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.protocol.events import Source
from chat.protocol.m365.grounding import parse_exhausted, parse_images, parse_queries, parse_references
from chat.protocol.m365.records import Message

URL = "https://ex.test/a"


def reference(content: Any) -> dict[str, Any]:
    """A reference whose display data says so."""
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
def test_titles(content: Any, title: str) -> None:
    """The best of what a reference has, else its address."""
    assert parse_references({"3-ab": reference(content)}) == {"3-ab": (3, Source(title, URL))}


@pytest.mark.parametrize(
    "value", [None, [], {"1-a": 7}, {"1-a": {}}, {"x": reference("{}")}, {"1-a": {"targetLink": "javascript:x"}}]
)
def test_references_that_are_none(value: Any) -> None:
    """Without a number or an address."""
    assert parse_references(value) == {}


def test_a_reference_without_display_data() -> None:
    """Is called by its address."""
    assert parse_references({"1-a": {"targetLink": URL}}) == {"1-a": (1, Source(URL, URL))}


def test_queries() -> None:
    """Texts only."""
    assert parse_queries(Message(search_queries=["tides", "", 7])) == ("tides",)
    assert parse_queries(Message(search_queries="tides")) == ()


def test_images() -> None:
    """Addresses only, from all entries; while there are none there is none."""
    entries = [7, {}, {"ImageReferenceUrls": []}, {"ImageReferenceUrls": [URL, 7, "", "data:x"]}]
    assert parse_images(Message(content_generation_progress_list=entries)) == (URL,)
    assert parse_images(Message()) == ()


def test_meters() -> None:
    """Those at nothing; other values say nothing."""
    meters = {
        "a": {"remainingAllowance": 0},
        "b": {"remainingAllowance": 1},
        "c": {"remainingAllowance": False},
        "d": {},
        "e": 7,
    }
    assert parse_exhausted({"metering": meters}) == ("a",)
    assert parse_exhausted({"metering": []}) == parse_exhausted(None) == ()
