"""Outline a body of no known form: enough for the log to show what Bing has changed, and without the prompt."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

OUTLINE_CHARACTERS = 300
_WORDS_CHARACTERS = 80
_MOST_ELEMENTS = 12
_READ_CHARACTERS = 20_000


def outline(content: object) -> str:
    """Return the outline of a JSON value, an address or a piece of HTML, at most `OUTLINE_CHARACTERS` long.

    Contents with the same outline count as the same, so it omits values that change with each response, such as ids.
    """
    return _outline(content)[:OUTLINE_CHARACTERS]


def _outline(content: object) -> str:
    if isinstance(content, dict):
        return f"object {{{', '.join(f'{str(key)[:40]}: {_kind(value)}' for key, value in content.items())}}}"
    if isinstance(content, list):
        return f"list of {len(content)}: {', '.join(_kind(value) for value in content[:3])}"
    if not isinstance(content, str):
        return f"{type(content).__name__} {content}"
    if "<" in content:
        return f"HTML {_elements(content)}"
    return _address(content) or f"text {content[:_WORDS_CHARACTERS]!r}"


def _kind(value: object) -> str:
    return type(value).__name__ if isinstance(value, dict | list | str) else str(value)


def _address(text: str) -> str:
    """Return an address without the values of its query, which may repeat the prompt; "" for any other text."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return ""
    if " " in parts.path or not (parts.netloc or parts.path.startswith("/")):
        return ""
    host = f"{parts.scheme}://{parts.hostname or ''}" if parts.netloc else ""
    return f"address {host}{parts.path[:120]} {sorted(parse_qs(parts.query))}"


def _elements(content: str) -> str:
    tree = LexborHTMLParser(content[:_READ_CHARACTERS].encode("utf-8", "replace"))
    nodes = tree.css("body *, head *")
    names = [_element(node) for node in nodes[:_MOST_ELEMENTS]]
    return f"{' '.join(names)} of {len(nodes)} elements"


def _element(node: LexborNode) -> str:
    """Return `tag.class[attribute]`: the features by which a parser could recognise the element."""
    classes = (node.attributes.get("class") or "").split()[:3]
    others = sorted(name for name in node.attributes if name not in ("class", "style"))[:5]
    return ".".join([node.tag or "?", *classes]) + (f"[{' '.join(others)}]" if others else "")
