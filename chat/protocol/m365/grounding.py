"""Read what accompanies an answer: searches, sources, pictures that were made, the account's meters.

Source: docs/wire/m365.md, section 5.3.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from chat.protocol.events import Source
from chat.protocol.m365.credits import is_spent
from chat.protocol.m365.records import M365Message

_NUMBER = re.compile(r"(\d{1,6})-", re.ASCII)
# Where a reference has its title, best first.
_TITLE_KEYS = ("Title", "label", "providerDisplayName")


def parse_queries(message: M365Message) -> tuple[str, ...]:
    """Return the queries of the searches that a message reports."""
    listed = message.search_queries if isinstance(message.search_queries, list) else []
    return tuple(query for query in listed if isinstance(query, str) and query)


def parse_references(value: Any) -> dict[str, tuple[int, Source]]:
    """Return each source with its number, by its key `<number>-<hex>`. Entries without an address are left out."""
    found: dict[str, tuple[int, Source]] = {}
    # `sourceAttributions`, where Bing has them, is always empty here (section 5.3).
    for key, entry in value.items() if isinstance(value, dict) else ():
        url = entry.get("targetLink") if isinstance(entry, dict) else None
        number = _NUMBER.match(key)
        if number is not None and isinstance(url, str) and _is_address(url):
            found[key] = int(number[1]), Source(_title(entry) or url, url)
    return found


def parse_images(message: M365Message) -> tuple[str, ...]:
    """Return the addresses of the pictures in a message. There is none while a picture is being made."""
    listed = message.content_generation_progress_list
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    groups = [entry.get("ImageReferenceUrls") for entry in entries]
    urls = [url for group in groups if isinstance(group, list) for url in group if isinstance(url, str)]
    return tuple(filter(_is_address, urls))


def parse_exhausted(throttling: Any) -> tuple[str, ...]:
    """Return the meters that are at 0. What they measure is off for the account until they fill again."""
    metering = throttling.get("metering") if isinstance(throttling, dict) else None
    meters = metering.items() if isinstance(metering, dict) else ()
    return tuple(name for name, meter in meters if isinstance(meter, dict) and is_spent(meter))


def _title(entry: dict[str, Any]) -> str:
    """Return the title in the JSON text of a reference, or ""."""
    display = entry.get("displayData")
    content = display.get("content") if isinstance(display, dict) else None
    # JSON in a string within JSON, and nothing guarantees that it is intact.
    try:
        read: object = msgspec.json.decode(content) if isinstance(content, str) else None
    except (ValueError, RecursionError):
        read = None
    titles = [read.get(key) for key in _TITLE_KEYS] if isinstance(read, dict) else []
    return next((title for title in titles if isinstance(title, str) and title), "")


def _is_address(url: str) -> bool:
    return url.startswith(("https://", "http://"))
