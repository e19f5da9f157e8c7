"""The events that ask a question over Copilot's socket, in this order: options, consents, `send`.

Whatever the sources leave open is a constant of this module.
Source: docs/wire/copilot.md, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chat.protocol.events import Prompt
from chat.protocol.transcript import prepend


def encode(event: Mapping[str, Any]) -> str:
    """Return an event as a frame of its own, without a separator."""
    return msgspec.json.encode(event).decode()


# Empty lists declare that this client can show no cards, so answers come as plain text (section 3.5).
SET_OPTIONS = encode({"event": "setOptions", "supportedFeatures": [], "supportedCards": [], "ads": None})
REPORT_CONSENTS = encode({"event": "reportLocalConsents", "grantedConsents": []})
# The server answers `pong` (section 3.9).
PING = encode({"event": "ping"})


def build_send(conversation_id: str, prompt: Prompt, mode: str, *, turn: int, image_urls: Sequence[str]) -> str:
    """Return the event that asks for an answer.

    There is no channel for a system prompt or a history, so the text of turn 0 includes them.

    Args:
        conversation_id: The upstream conversation's id.
        prompt: What the caller sends.
        mode: The site's word: `chat`, `reasoning`, …
        turn: Counts from 0 within the upstream conversation.
        image_urls: The addresses of uploaded pictures, sent in front of the text.
    """
    text = prepend(prompt) if turn == 0 else prompt.question
    content = [*({"type": "image", "url": url} for url in image_urls), {"type": "text", "text": text}]
    event = {"event": "send", "conversationId": conversation_id, "content": content, "mode": mode, "context": {}}
    return encode(event)
