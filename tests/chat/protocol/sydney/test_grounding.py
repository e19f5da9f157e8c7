"""Searches, results and citations, in good shape and in bad."""

from __future__ import annotations

import pytest

from chat.protocol.events import Source
from chat.protocol.sydney.grounding import parse_citations, parse_query, parse_results
from chat.protocol.sydney.records import Message


@pytest.mark.parametrize(
    ("message", "query"),
    [
        (Message(hidden_text="tides", invocation='search_web(query="x")'), "tides"),
        (Message(hidden_text="", invocation='search_web(query="high\ntides")'), "high\ntides"),
        (Message(invocation="search_web()", text="Searching"), "search_web()"),
        (Message(text="Searching the web"), "Searching the web"),
        (Message(hidden_text=1, invocation=2, text=3), ""),
    ],
)
def test_query(message: Message, query: str) -> None:
    """The hidden text is the query itself; the call and the shown text stand in for it."""
    assert parse_query(message) == query


def test_results_may_stand_in_any_group() -> None:
    """Lists of pages count under any name; what has no web address is no page; none is told twice."""
    groups = {
        "recipe_search_results": [{"title": "Cake", "url": "https://ex.test/cake"}],
        "web_search_results": [
            {"title": "Cake", "url": "https://ex.test/cake"},
            {"title": 7, "url": "http://ex.test/b"},
            {"title": "Bad", "url": "javascript:alert(1)"},
            {"title": "None"},
            "odd",
        ],
        "other": None,
    }
    pages = (Source("Cake", "https://ex.test/cake"), Source("http://ex.test/b", "http://ex.test/b"))
    assert parse_results(Message(grounding_info=groups)) == pages
    assert parse_results(Message(grounding_info=["odd"])) == ()


def test_citations_keep_their_numbers() -> None:
    """A source without an address leaves an empty place, since the third must stay the third."""
    listed = [{"providerDisplayName": "A", "seeMoreUrl": "https://a.test"}, {"providerDisplayName": "B"}, None]
    assert parse_citations(Message(source_attributions=listed)) == (
        Source("A", "https://a.test"), Source("", ""), Source("", ""),
    )  # fmt: skip
    assert parse_citations(Message(source_attributions={"odd": 1})) == ()
