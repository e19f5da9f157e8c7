"""Read what accompanies an answer: searches, their results, citations.

Source: docs/wire/chathub.md, section 5.
"""

from __future__ import annotations

import json
from typing import Any

from chat.protocol.events import Source
from chat.protocol.sydney.records import SydneyMessage

# A text that begins so is JSON with the pages that a search found, never its query.
_DATA_STARTS = ("{", "[", "`")


def parse_query(message: SydneyMessage) -> str:
    """Return a search's query: the hidden text, else the argument of the call, else the text, else ""."""
    if isinstance(message.hidden_text, str) and message.hidden_text and not _is_data(message.hidden_text):
        return message.hidden_text
    if called := parse_called_query(message):
        return called
    texts = (message.invocation, message.text)
    return next((text for text in texts if isinstance(text, str) and text and not _is_data(text)), "")


def parse_called_query(message: SydneyMessage) -> str:
    """Return the query in a message's call, `search_web(query="…")`, or "".

    Both texts of a result are its pages as JSON, so its call is the only place with the query (section 5.2).
    """
    if not isinstance(message.invocation, str):
        return ""
    # Up to the last `")`, since a query may have one of its own.
    query = message.invocation.partition('(query="')[2].rpartition('")')[0]
    try:
        return str(json.loads(f'"{query}"', strict=False))  # its escapes are those of JSON
    except ValueError:
        return query


def _is_data(text: str) -> bool:
    return text.lstrip().startswith(_DATA_STARTS)


def parse_results(message: SydneyMessage) -> tuple[Source, ...]:
    """Return the pages that a search found, each once, from every group of results."""
    # Usually `web_search_results`, sometimes other groups and not that one (section 5.2).
    groups = message.grounding_info.values() if isinstance(message.grounding_info, dict) else ()
    pages = [page for group in groups if isinstance(group, list) for page in group]
    return _sources(pages, "title", "url")


def parse_citations(message: SydneyMessage) -> tuple[Source, ...]:
    """Return the answer's numbered sources. None is left out, since a source's position is its number."""
    listed = message.source_attributions if isinstance(message.source_attributions, list) else []
    return tuple(_source(entry, "providerDisplayName", "seeMoreUrl") or Source("", "") for entry in listed)


def _sources(pages: list[Any], title_key: str, url_key: str) -> tuple[Source, ...]:
    found = (_source(page, title_key, url_key) for page in pages)
    return tuple(dict.fromkeys(source for source in found if source is not None))


def _source(entry: Any, title_key: str, url_key: str) -> Source | None:
    url = entry.get(url_key) if isinstance(entry, dict) else None
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        return None
    title = entry.get(title_key)
    return Source(title if isinstance(title, str) and title else url, url)
