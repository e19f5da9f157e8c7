"""OpenAI's chat format as pure functions: request bodies → prompts; events → chunks, completions and SSE lines.

Nothing here knows a back end: it speaks `chat.protocol.events` only. Source: docs/contracts.md, "Chat".
"""

from chat.openai_format.cards import model_card, model_list
from chat.openai_format.choices import Choice, completion
from chat.openai_format.cutting import Cut, estimate_tokens
from chat.openai_format.messages import parse_messages
from chat.openai_format.requests import MAX_CHOICES, ChatRequest, parse_request
from chat.openai_format.streams import Stream

__all__ = [
    "MAX_CHOICES",
    "ChatRequest",
    "Choice",
    "Cut",
    "Stream",
    "completion",
    "estimate_tokens",
    "model_card",
    "model_list",
    "parse_messages",
    "parse_request",
]
