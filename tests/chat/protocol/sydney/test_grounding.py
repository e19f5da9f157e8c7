"""Searches, results and citations, intact and damaged."""

from __future__ import annotations

import pytest

from chat.protocol.events import Source
from chat.protocol.sydney.grounding import parse_citations, parse_query, parse_results
from chat.protocol.sydney.records import SydneyMessage


@pytest.mark.parametrize(
    ("message", "query"),
    [
        (SydneyMessage(hidden_text="tides", invocation='search_web(query="x")'), "tides"),
        (SydneyMessage(hidden_text="", invocation='search_web(query="high\ntides")'), "high\ntides"),
        (SydneyMessage(invocation="search_web()", text="Searching"), "search_web()"),
        (SydneyMessage(text="Searching the web"), "Searching the web"),
        (SydneyMessage(hidden_text=1, invocation=2, text=3), ""),
        (SydneyMessage(invocation='search_web(query="say \\"hi\\"")'), 'say "hi"'),
        (SydneyMessage(invocation='search_web(query="a\\qb")'), "a\\qb"),
        (
            SydneyMessage(hidden_text='```json {"web_search_results": []}', text="Searching the web"),
            "Searching the web",
        ),
        (SydneyMessage(hidden_text=' {"web_search_results": []}', text="[]"), ""),
    ],
)
def test_the_query_of_a_search(message: SydneyMessage, query: str) -> None:
    """The hidden text is the query; the call and the shown text replace a missing one."""
    assert parse_query(message) == query


def test_results_may_be_in_any_group() -> None:
    """Lists of pages count under any name; a page needs a web address and is listed once."""
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
    assert parse_results(SydneyMessage(grounding_info=groups)) == pages
    assert parse_results(SydneyMessage(grounding_info=["odd"])) == ()


def test_citations_keep_their_numbers() -> None:
    """A source without an address leaves an empty place, since the third must stay the third."""
    listed = [{"providerDisplayName": "A", "seeMoreUrl": "https://a.test"}, {"providerDisplayName": "B"}, None]
    assert parse_citations(SydneyMessage(source_attributions=listed)) == (
        Source("A", "https://a.test"), Source("", ""), Source("", ""),
    )  # fmt: skip
    assert parse_citations(SydneyMessage(source_attributions={"odd": 1})) == ()
