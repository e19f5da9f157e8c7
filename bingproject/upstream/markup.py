"""Check that HTML is cheap enough to parse.

The time of an HTML parser grows with the square of the nesting depth, and it blocks the event loop: all leases that the
process holds could expire meanwhile.
"""

from __future__ import annotations

import re

MOST_CHARACTERS = 4_000_000
DEEPEST = 500  # Bing's pages nest about 40 deep
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]{0,30})")
# Elements without an end tag, and those whose end tag is optional: they do not nest within themselves.
_FLAT = frozenset(
    re.findall(
        "[a-z]+",
        "area base br col embed hr img input link meta param source track wbr p li dt dd option optgroup tr td th "
        "thead tbody tfoot colgroup caption rp rt body html head",
    )
)


def is_readable(text: str) -> bool:
    """Return False if the text is too long or too deeply nested to be parsed."""
    if len(text) > MOST_CHARACTERS:
        return False
    depth = 0
    for end, name in _TAG.findall(text):
        if name.lower() in _FLAT:
            continue
        # A surplus end tag closes nothing.
        depth = max(0, depth - 1) if end else depth + 1
        if depth > DEEPEST:
            return False
    return True
