"""What stands around an answer, structured as OpenAI's annotations or written into the text as the original server did.

What was written in is taken out again when a client sends the answer back, so that a history reads the same either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from chat.protocol.events import Source

_MARKER = re.compile(r"\[\^(\d{1,4})\^\]")
_SEARCH_BLOCK = re.compile(
    r"<details>\n<summary>\nSearching: \[\*\*[^\n]*\*\*\]\n</summary>\n(?:\d+\. \[[^\n]*\)\n)*</details>\n?"
)
_SUGGESTION_BLOCK = re.compile(r"\n\n---\n\n\*\*Suggested Questions:\*\*(?:\n- [^\n]*)+\s*\Z")
UNNAMED_IMAGE = "Generated image"
_LINE_BREAKS = re.compile(r"\s*[\r\n\u2028\u2029]\s*")


def write_search(query: str, items: Iterable[Source]) -> str:
    """A search and what it found, as a block that folds."""
    listed = "".join(
        f"{number}. [{_one_line(source.title)}]({_one_line(source.url)})\n" for number, source in enumerate(items, 1)
    )
    return f"<details>\n<summary>\nSearching: [**{_one_line(query)}**]\n</summary>\n{listed}</details>\n"


def write_suggestions(texts: Iterable[str]) -> str:
    """Questions to ask next, as a list under a rule."""
    return "\n\n---\n\n**Suggested Questions:**" + "".join(f"\n- {_one_line(text)}" for text in texts)


def write_image(image: Source) -> str:
    """A picture as Markdown; what it shows, and its address, cannot end it early."""
    alt = re.sub(r"([\\\[\]])", r"\\\1", _one_line(image.title))
    url = "".join(f"%{ord(character):02X}" if character in '()<> "' else character for character in image.url)
    return f"![{alt}]({url})"


def annotate_images(content: str, images: Iterable[tuple[Source, str]]) -> list[dict[str, Any]]:
    """The pictures made, each over its Markdown in the content; one that was cut off is left out."""
    annotations = []
    for image, shown in images:
        start = content.find(shown)
        if start >= 0:
            source = Source(image.title or UNNAMED_IMAGE, image.url)
            annotations.append(_annotation(source, start, start + len(shown)))
    return annotations


def strip_extras(text: str) -> str:
    """An answer without what `write_search` and `write_suggestions` put in."""
    if "**" not in text:
        return text
    return _SUGGESTION_BLOCK.sub("", _SEARCH_BLOCK.sub("", text))


def build_annotations(content: str, citations: Sequence[Source], found: Iterable[Source]) -> list[dict[str, Any]]:
    """The sources as `url_citation`s.

    Shape: a cited source covers its marker `[^n^]` in the content, wherever that stands; one without a marker, and a
    search result that is not cited, stands at the end with no width.
    """
    annotations = []
    cited: set[str] = set()
    for marker in _MARKER.finditer(content):
        number = int(marker[1])
        if 1 <= number <= len(citations) and citations[number - 1].url:
            source = citations[number - 1]
            cited.add(source.url)
            annotations.append(_annotation(source, marker.start(), marker.end()))
    for source in (*citations, *found):
        if source.url and source.url not in cited:
            cited.add(source.url)
            annotations.append(_annotation(source, len(content), len(content)))
    return annotations


def _annotation(source: Source, start: int, end: int) -> dict[str, Any]:
    citation = {"start_index": start, "end_index": end, "title": source.title, "url": source.url}
    return {"type": "url_citation", "url_citation": citation}


def _one_line(text: str) -> str:
    return _LINE_BREAKS.sub(" ", text.strip())
