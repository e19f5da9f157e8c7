"""Show an answer's sources, searches and suggestions: as OpenAI's annotations, or inline as the original server did.

Inline blocks are removed when a client sends the answer back, so that its history is the same either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from chat.openai_format.answers import Annotation, UrlCitation
from chat.protocol.events import Source

_MARKER = re.compile(r"\[\^(\d{1,4})\^\]")
# Exactly what `write_search` writes, so that similar text of a model stays.
_SEARCH_BLOCK = re.compile(
    r"<details>\n<summary>\nSearching: \[\*\*[^\n]*\*\*\]\n</summary>\n(?:\d+\. \[[^\n]*\)\n)*</details>\n?"
)
_SUGGESTION_BLOCK = re.compile(r"\n\n---\n\n\*\*Suggested Questions:\*\*(?:\n- [^\n]*)+\s*\Z")
# For a picture or a search that says nothing about itself.
UNNAMED_IMAGE = "Generated image"
UNNAMED_SEARCH = "the web"
_LINE_BREAKS = re.compile(
    r"(?<!\s)\s*[\r\n\u2028\u2029]\s*"
)  # the lookbehind: else each blank of a gap would start another try


def write_search(query: str, items: Iterable[Source]) -> str:
    """Return a search and its results as a `<details>` block."""
    listed = "".join(
        f"{number}. [{_one_line(source.title)}]({_one_line(source.url)})\n" for number, source in enumerate(items, 1)
    )
    return (
        f"<details>\n<summary>\nSearching: [**{_one_line(query) or UNNAMED_SEARCH}**]\n</summary>\n{listed}</details>\n"
    )


def write_suggestions(texts: Iterable[str]) -> str:
    """Return the suggested questions as a list below a rule."""
    return "\n\n---\n\n**Suggested Questions:**" + "".join(f"\n- {_one_line(text)}" for text in texts)


def write_image(image: Source) -> str:
    """Return a picture as Markdown. Title and address are escaped, so that neither can end it early."""
    alt = re.sub(r"([\\\[\]])", r"\\\1", _one_line(image.title))
    url = "".join(f"%{ord(character):02X}" if character in '()<> "' else character for character in image.url)
    return f"![{alt}]({url})"


def annotate_images(content: str, images: Iterable[tuple[Source, str]]) -> list[Annotation]:
    """Return an annotation for each picture, over its Markdown in the content.

    A picture whose Markdown is not in the content, since the answer was cut in front of it, is left out.

    Args:
        content: The message's content.
        images: Each picture with its Markdown.
    """
    annotations = []
    for image, shown in images:
        start = content.find(shown)
        if start >= 0:
            source = Source(image.title or UNNAMED_IMAGE, image.url)
            annotations.append(_annotation(source, start, start + len(shown)))
    return annotations


def strip_inline_annotations(text: str) -> str:
    """Remove what `write_search` and `write_suggestions` added to an answer."""
    # Both blocks have bold text, and to look for that is cheaper than two searches.
    if "**" not in text:
        return text
    return _SUGGESTION_BLOCK.sub("", _SEARCH_BLOCK.sub("", text))


def build_annotations(content: str, citations: Sequence[Source], found: Iterable[Source]) -> list[Annotation]:
    """Return the sources as `url_citation` annotations.

    A cited source covers each of its markers `[^n^]` in the content. A source without a marker, and a search result
    that is not cited, is at the end with no width.

    Args:
        content: The message's content.
        citations: The answer's numbered sources.
        found: The results of its searches.
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


def _annotation(source: Source, start: int, end: int) -> Annotation:
    return Annotation("url_citation", UrlCitation(start, end, source.title, source.url))


def _one_line(text: str) -> str:
    return _LINE_BREAKS.sub(" ", text.strip())
