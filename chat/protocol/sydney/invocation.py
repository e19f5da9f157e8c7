"""What a turn asks for: the type-4 record with its option sets, and the limits and intervals of Bing's side.

All that the sources leave open stands here, so that a changed Bing is a changed table.
Source: docs/wire/chathub.md, sections 4 and 7.
"""

from __future__ import annotations

from typing import Any

from chat.protocol.catalogue import ModelSpec
from chat.protocol.events import Prompt
from chat.protocol.signalr import STREAM_INVOCATION
from chat.protocol.sydney.images import UploadedImage
from chat.protocol.sydney.session import Credentials
from chat.protocol.transcript import render

CONVERSATION_SECONDS = 6 * 3600
MAX_TURNS = 30
HANDSHAKE_SECONDS = 10
OPEN_SECONDS = 10
WRITE_SECONDS = 10
PING_SECONDS = 15

TONES = {"precise": "Precise", "balanced": "Balanced", "creative": "Creative"}
BASE_OPTIONS = (
    "nlu_direct_response_filter",
    "deepleo",
    "disable_emoji_spoken_text",
    "responsible_ai_policy_235",
    "enablemm",
    "dv3sugg",
    "autosave",
    "iyxapbing",
    "iycapbing",
    "rai289",
    "enflst",
    "enpcktrk",
    "rcaldictans",
    "rcaltimeans",
    "eredirecturl",
)
STYLE_OPTIONS = {
    "precise": ("h3precise", "clgalileo", "gencontentv3"),
    "balanced": ("galileo", "saharagenconv5"),
    "creative": ("h3imaginative", "clgalileo", "gencontentv3"),
}
NO_SEARCH_OPTION = "nosearchall"
SEARCH_PLUGINS = ({"id": "c310c353-b9f0-4d76-ab0d-1dd5e979cf68"},)
HISTORY_OPTIONS = ("autosave", "savemem", "uprofupd", "uprofgen")
ALLOWED_MESSAGE_TYPES = (
    "ActionRequest",
    "Chat",
    "ConfirmationCard",
    "Context",
    "InternalSearchQuery",
    "InternalSearchResult",
    "Disengaged",
    "InternalLoaderMessage",
    "InvokeAction",
    "Progress",
    "RenderCardRequest",
    "RenderContentRequest",
    "AdsQuery",
    "SemanticSerp",
    "GenerateContentQuery",
    "SearchQuery",
)
CONTEXT_MESSAGE_ID = "discover-web--page-ping-mriduna-----"


def build_invocation(
    credentials: Credentials,
    prompt: Prompt,
    model: ModelSpec,
    *,
    turn: int,
    request_id: str,
    trace_id: str,
    image: UploadedImage | None,
) -> dict[str, Any]:
    """The record that asks for an answer.

    Shape: `turn` counts from 0 within the upstream conversation; only turn 0 takes system prompt and history along.
    """
    is_first = turn == 0
    argument: dict[str, Any] = {
        "source": "cib",
        "scenario": "SERP",
        "verbosity": "verbose",
        "spokenTextMode": "None",
        "tone": TONES[model.style],
        "optionsSets": build_options(model),
        "sliceIds": [],
        "allowedMessageTypes": list(ALLOWED_MESSAGE_TYPES),
        "plugins": list(SEARCH_PLUGINS) if model.has_search else [],
        "conversationHistoryOptionsSets": list(HISTORY_OPTIONS),
        "isStartOfSession": is_first,
        "traceId": trace_id,
        "requestId": request_id,
        "conversationId": credentials.conversation_id,
        "participant": {"id": credentials.client_id},
        "previousMessages": build_context(prompt) if is_first else None,
        "message": build_message(prompt, request_id, image),
    }
    if not credentials.token:
        argument["conversationSignature"] = credentials.signature
    # The order of the keys is the one browsers send; the id is a string of digits.
    return {"type": STREAM_INVOCATION, "target": "chat", "invocationId": str(turn), "arguments": [argument]}


def build_options(model: ModelSpec) -> list[str]:
    """The option sets of a model: the common ones, its style's, and the one that switches search off."""
    return [*BASE_OPTIONS, *STYLE_OPTIONS[model.style], *(() if model.has_search else (NO_SEARCH_OPTION,))]


def build_context(prompt: Prompt) -> list[dict[str, str]] | None:
    """System prompt and history as the page the chat is about, which is the one way in that Bing has for them."""
    description = render(prompt)
    if not description:
        return None
    return [
        {
            "author": "user",
            "description": description,
            "contextType": "WebPage",
            "messageType": "Context",
            "messageId": CONTEXT_MESSAGE_ID,
        }
    ]


def build_message(prompt: Prompt, request_id: str, image: UploadedImage | None) -> dict[str, str]:
    """The caller's own words, byte for byte, with the picture they are about."""
    message = {
        "author": "user",
        "inputMethod": "Keyboard",
        "messageType": "Chat",
        "text": prompt.question,
        "requestId": request_id,
        "messageId": request_id,
    }
    if image is not None:
        message |= {"imageUrl": image.image_url, "originalImageUrl": image.original_image_url}
    return message
