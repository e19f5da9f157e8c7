"""What stands around an answer: searches, their results, citations.

Source: docs/wire/chathub.md, section 5.
"""

from __future__ import annotations

import re
from typing import Any

from chat.protocol.events import Source
from chat.protocol.sydney.records import Message

_QUERY = re.compile(r'\(query="(.*)"\)', re.DOTALL)


def parse_query(message: Message) -> str:
    """What a search message searches for: its hidden text, else the call it stands for, else its text."""
    if isinstance(message.hidden_text, str) and message.hidden_text:
        return message.hidden_text
    invocation = message.invocation if isinstance(message.invocation, str) else ""
    found = _QUERY.search(invocation)
    if found:
        return found[1]
    return invocation or (message.text if isinstance(message.text, str) else "")


def parse_results(message: Message) -> tuple[Source, ...]:
    """The pages a search found, in whatever group of results they stand, each once."""
    groups = message.grounding_info.values() if isinstance(message.grounding_info, dict) else ()
    pages = [page for group in groups if isinstance(group, list) for page in group]
    return _sources(pages, "title", "url")


def parse_citations(message: Message) -> tuple[Source, ...]:
    """The answer's numbered sources; none is left out, since their places are their numbers."""
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
