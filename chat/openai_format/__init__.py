"""OpenAI's chat format as pure functions: request bodies to prompts, events to chunks, completions and SSE lines.

Nothing here knows a back end: of the protocols it uses `chat.protocol.events` only. Source: docs/contracts.md, "Chat".
"""

from chat.openai_format.choices import Choice, completion
from chat.openai_format.messages import parse_messages
from chat.openai_format.model_list import model_card, model_list
from chat.openai_format.requests import MAX_CHOICES, MAX_STOPS, ChatRequest, parse_request
from chat.openai_format.streams import Stream
from chat.openai_format.truncation import Truncation, estimate_tokens

__all__ = [
    "MAX_CHOICES",
    "MAX_STOPS",
    "ChatRequest",
    "Choice",
    "Stream",
    "Truncation",
    "completion",
    "estimate_tokens",
    "model_card",
    "model_list",
    "parse_messages",
    "parse_request",
]
