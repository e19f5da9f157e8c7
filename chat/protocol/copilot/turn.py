"""What a turn sends over Copilot's socket, in this order: options, consents, the question.

All that the sources leave open stands here, so that a changed Copilot is a changed table.
Source: docs/wire/copilot.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chat.protocol.events import Prompt
from chat.protocol.transcript import prepend

# Our names and the site's. `research` is left out: it answers by tasks, which nobody has recorded.
MODES = {
    "copilot": "chat",
    "copilot-think": "reasoning",
    "copilot-smart": "smart",
    "copilot-study": "study",
    "copilot-search": "search",
}


def encode(event: Mapping[str, Any]) -> str:
    """One event as it is sent: a frame of its own, with no separator."""
    return msgspec.json.encode(event).decode()


# Empty lists declare that this client can show no cards and no parts; answers then come as plain text.
SET_OPTIONS = encode({"event": "setOptions", "supportedFeatures": [], "supportedCards": [], "ads": None})
REPORT_CONSENTS = encode({"event": "reportLocalConsents", "grantedConsents": []})
PING = encode({"event": "ping"})


def build_send(conversation_id: str, prompt: Prompt, mode: str, *, turn: int, image_urls: Sequence[str]) -> str:
    """The event that asks for an answer.

    Shape: `turn` counts from 0 within the upstream conversation; there is no channel for a system prompt or a history,
    so turn 0 takes them along in the text. Pictures stand before the text.
    """
    text = prepend(prompt) if turn == 0 else prompt.question
    content = [*({"type": "image", "url": url} for url in image_urls), {"type": "text", "text": text}]
    event = {"event": "send", "conversationId": conversation_id, "content": content, "mode": mode, "context": {}}
    return encode(event)
