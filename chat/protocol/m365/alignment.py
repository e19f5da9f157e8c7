"""Compare a whole text of Microsoft 365 with the pieces of the same answer.

Only the pieces are raw. Whole texts, `result.message` among them, have passed a filter that deletes links, citations
and code that looks like them. Source: docs/wire/m365.md, section 5.4.
"""

from __future__ import annotations

import re

# What the filter was seen to delete: a link, the name of a link definition, a script's tag, a citation mark. Uncertain:
# whether it also deletes the address of a definition. Bounded, so that a search takes linear time.
_FILTERED = tuple(
    map(
        re.compile,
        (
            r"\[[^\]\n]{0,300}\]\([^)\n]{0,2000}\)",
            r"\[[^\]\n]{0,300}\]:",
            r"\[[^\]\n]{0,300}\]:[ \t]{0,8}[^\s]{0,2000}",
            r"<[^>\n]{0,2000}>",
            "\ue200[^\ue201\n]{0,300}\ue201",
        ),
    )
)
# The same, cut at the end of what has come so far.
_CUT = re.compile(
    r"\[[^\]\n]{0,300}(?:\](?:\([^)\n]{0,2000}|:[ \t]{0,8}[^\s]{0,2000})?)?|<[^>\n]{0,2000}|" "\ue200[^\ue201\n]{0,300}"
)
_BEGINNINGS = "[<\ue200"
# Behind a deletion, this much of the whole text must be in the pieces, or all of it up to the next deletion.
_ANCHOR_CHARACTERS = 16
# Each is a comparison; an answer with more of them keeps what its pieces brought.
_MOST_DELETIONS = 1_000


def find_tail(raw: str, whole: str) -> str | None:
    """Return what a whole text says after the text that the pieces have brought so far.

    Args:
        raw: The pieces so far, joined.
        whole: A whole text of the same answer, in which parts of `raw` may be deleted.

    Returns:
        The text after `raw`, "" if there is none yet. None if the two differ by more than deletions.
    """
    at = seen = floor = 0
    for _ in range(_MOST_DELETIONS):
        common = _common_length(raw, at, whole, seen)
        at, seen = at + common, seen + common
        if seen == len(whole):
            return ""
        if at == len(raw):
            return whole[seen:]
        # The deleted text and the text behind it may begin alike, so that the two differ only later.
        begin = max(raw.rfind(character, floor, at + 1) for character in _BEGINNINGS)
        if begin < 0:
            return None
        seen -= at - begin
        end = _find_end(raw, begin, whole, seen)
        if end is None:
            return whole[seen:] if _CUT.fullmatch(raw, begin) else None
        at = floor = end
    return None


def _find_end(raw: str, begin: int, whole: str, seen: int) -> int | None:
    """Return where `raw` continues like the whole text, after a deletion that begins at `begin`."""
    for pattern in _FILTERED:
        match = pattern.match(raw, begin)
        if match is not None and _continues(raw, match.end(), whole, seen):
            return match.end()
    return None


def _continues(raw: str, at: int, whole: str, seen: int) -> bool:
    common = _common_length(raw, at, whole, seen, _ANCHOR_CHARACTERS)
    is_at_an_end = at + common == len(raw) or seen + common == len(whole)
    return common == _ANCHOR_CHARACTERS or is_at_an_end or raw[at + common] in _BEGINNINGS


def _common_length(one: str, at: int, other: str, seen: int, most: int | None = None) -> int:
    """Return the length of the common beginning. Comparing slices is much faster than characters."""
    limit = min(len(one) - at, len(other) - seen)
    limit = limit if most is None else min(limit, most)
    low, high, step = 0, limit, 64
    # Growing steps first, so that a short common beginning of long texts costs little.
    while low < limit:
        high = min(low + step, limit)
        if not one.startswith(other[seen + low : seen + high], at + low):
            break
        low, step = high, step * 2
    else:
        return limit
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[seen + low : seen + middle], at + low):
            low = middle
        else:
            high = middle - 1
    return low
