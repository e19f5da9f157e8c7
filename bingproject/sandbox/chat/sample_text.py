"""Compose the answers of a chat from the prompt alone, and split them into chunks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate, cycle, islice
from urllib.parse import quote

from bingproject.sandbox.chat.chat_state import SandboxConversation, SandboxTurn
from bingproject.sandbox.chat.signalr_records import escape

Knobs = Mapping[str, float | None]
TOKEN = re.compile(r"\s*\S+\s*|\s+")
# Such questions make the real Bing search, so the demo shows sources without a scenario word.
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
class SampleAnswer:
    """A text, plain and escaped for a record, with the ends of its chunks in both."""

    text: str
    escaped: str
    ends: list[int]
    escaped_ends: list[int]

    @property
    def half(self) -> int:
        """Return the number of chunks before something happens half-way, at least one."""
        return max(1, len(self.ends) // 2)


def wants_search(turn: SandboxTurn, knobs: Knobs) -> bool:
    """True if this turn searches first."""
    return "nosearchall" not in turn.options and ("search" in knobs or WANTS_SEARCH.search(turn.text) is not None)


def query(turn: SandboxTurn) -> str:
    """Return what to search for or draw: the message without scenario words, shortened."""
    return SANDBOX_WORD.sub("", turn.text).strip()[:80] or "sandbox"


def picture_url(origin: str, turn: SandboxTurn) -> str:
    """Return the address of a turn's picture, which is drawn from the address itself."""
    return f"{origin}{PICTURE_PATH}{quote(query(turn), safe='')}.jpg"


def footnote(number: int) -> str:
    """Return Bing Chat's mark of a source in a text."""
    return f"[^{number}^]"


def compose(
    turn: SandboxTurn,
    conversation: SandboxConversation,
    knobs: Knobs,
    words: int,
    *,
    mark: Callable[[int], str] = footnote,
) -> SampleAnswer:
    """Return the answer to a turn; `words` is its length unless the turn sets one."""
    count = int(knobs.get("words") or words)
    tokens = _tokens(turn, conversation, knobs, mark)
    if "nul" in knobs:
        tokens = [*(token + "\0" for token in tokens[:3]), *tokens[3:]]
    if count > 0:
        tokens = _exactly(tokens, count)
    elif len(tokens) > MOST_CHUNKS:
        step = -(-len(tokens) // MOST_CHUNKS)
        tokens = ["".join(tokens[start : start + step]) for start in range(0, len(tokens), step)]
    return chunked(list("".join(tokens)) if "one-char" in knobs else tokens)


def chunked(tokens: list[str]) -> SampleAnswer:
    """Join chunks into an answer that knows where each ends."""
    escaped = [escape(token) for token in tokens]
    return SampleAnswer(
        "".join(tokens), "".join(escaped), list(accumulate(map(len, tokens))), list(accumulate(map(len, escaped)))
    )


def _tokens(
    turn: SandboxTurn, conversation: SandboxConversation, knobs: Knobs, mark: Callable[[int], str]
) -> list[str]:
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
