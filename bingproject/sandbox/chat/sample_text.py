"""What the sandbox answers in a chat, made from the prompt alone, and how the text is cut into chunks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, cycle, islice
from urllib.parse import quote

from bingproject.sandbox.chathub_records import escape
from bingproject.sandbox.chathub_state import Conversation, Turn

Knobs = Mapping[str, float | None]
TOKEN = re.compile(r"\s*\S+\s*|\s+")
# Real questions of this kind make Bing search, so the demo shows sources without any word of the sandbox's.
SANDBOX_WORD = re.compile(r"sandbox:[^\s]+\s*")
WANTS_SEARCH = re.compile(r"\b(?:sources?|search|news|latest|today)\b", re.IGNORECASE)
LONGEST_ECHO = 4000
PICTURE_PATH = "/th/id/BCO."
MOST_CHUNKS = 40
THOUGHTS = ("The caller wants an answer. ", "It will be made of sand.")
FILLER = (
    "and", "so", "the", "answer", "goes", "on,", "naïvely,", "größer", "than", "before,", "“quoted”", "here", "and",
    "there,", "made", "of", "sand", "…", "word", "after", "word.",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """A text, also escaped for a record, with the ends of its chunks in both."""

    text: str
    escaped: str
    ends: list[int]
    escaped_ends: list[int]

    @property
    def half(self) -> int:
        """How many chunks come before something happens half-way: at least one."""
        return max(1, len(self.ends) // 2)


def wants_search(turn: Turn, knobs: Knobs) -> bool:
    """Say whether this turn searches first."""
    return "nosearchall" not in turn.options and ("search" in knobs or WANTS_SEARCH.search(turn.text) is not None)


def query(turn: Turn) -> str:
    """Return what is searched for, or drawn: the message without words of the sandbox's, cut short."""
    return SANDBOX_WORD.sub("", turn.text).strip()[:80] or "sandbox"


def picture_url(origin: str, turn: Turn) -> str:
    """Return where the picture that a turn makes is served: it is drawn from what stands in its address."""
    return f"{origin}{PICTURE_PATH}{quote(query(turn), safe='')}.jpg"


def footnote(number: int) -> str:
    """How Bing Chat marks a source in its text."""
    return f"[^{number}^]"


def compose(
    turn: Turn, conversation: Conversation, knobs: Knobs, words: int, *, mark: Callable[[int], str] = footnote
) -> Answer:
    """Make the answer to a turn; `words` is how long it is when the turn itself does not say."""
    count = int(knobs.get("words") or words)
    tokens = _tokens(turn, conversation, knobs, mark)
    if count > 0:
        tokens = _exactly(tokens, count)
    elif len(tokens) > MOST_CHUNKS:
        step = -(-len(tokens) // MOST_CHUNKS)
        tokens = ["".join(tokens[start : start + step]) for start in range(0, len(tokens), step)]
    return chunked(list("".join(tokens)) if "one-char" in knobs else tokens)


def chunked(tokens: list[str]) -> Answer:
    """Join chunks to an answer that remembers where each ends."""
    escaped = [escape(token) for token in tokens]
    return Answer(
        "".join(tokens), "".join(escaped), list(accumulate(map(len, tokens))), list(accumulate(map(len, escaped)))
    )


def _tokens(turn: Turn, conversation: Conversation, knobs: Knobs, mark: Callable[[int], str]) -> list[str]:
    if "recall" in knobs:
        said = [text for author, text in conversation.said if author == "user"]
        known = {"turn": turn.number, "told": conversation.told, "said": said, "tone": turn.tone}
        return TOKEN.findall(json.dumps(known, ensure_ascii=False))
    echo = turn.text if len(turn.text) <= LONGEST_ECHO else turn.text[:LONGEST_ECHO] + "…"
    cited = wants_search(turn, knobs)
    seen = f"I see the picture {turn.image}. " if turn.image else ""
    text = f"{seen}You wrote: “{echo}”{mark(1) if cited else ''} That was turn {turn.number + 1}"
    text += f"{mark(2)}{mark(3)}. " if cited else ". "
    return TOKEN.findall(text + "The sandbox answers, not Bing.")


def _exactly(tokens: list[str], count: int) -> list[str]:
    if len(tokens) < count:
        filler = islice(cycle(FILLER), count - len(tokens))
        tokens = [*tokens[:-1], tokens[-1] + " ", *(word + " " for word in filler)]
    tokens = tokens[:count]
    return [*tokens[:-1], tokens[-1].rstrip()]
