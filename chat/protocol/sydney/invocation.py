"""The question of a turn: the type-4 record with its option sets, and the limits and intervals of Bing's.

Whatever the sources leave open is a constant of this module.
Source: docs/wire/chathub.md, sections 4 and 7.
"""

from __future__ import annotations

from typing import Any

from chat.protocol.events import Prompt
from chat.protocol.model_spec import ChatModelSpec
from chat.protocol.signalr import STREAM_INVOCATION
from chat.protocol.sydney.images import SydneyImage
from chat.protocol.sydney.session import SydneyCredentials
from chat.protocol.transcript import render

# From a conversation's creation, as a recorded error text says (section 1.6).
CONVERSATION_SECONDS = 6 * 3600
# The last limit that was seen; in February 2023 it was 5 (section 5.3). A turn reports the real one.
MAX_TURNS = 30
# Section 7 has these next to what other clients use.
HANDSHAKE_SECONDS = 10
OPEN_SECONDS = 10
WRITE_SECONDS = 10
PING_SECONDS = 15

# Style to the wire's word (section 4.1).
TONES = {"precise": "Precise", "balanced": "Balanced", "creative": "Creative"}
# Which of these still have an effect is not known (section 4.2). "autosave" keeps the chat in the account's history.
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
# Three clients agree on these (section 4.2).
STYLE_OPTIONS = {
    "precise": ("h3precise", "clgalileo", "gencontentv3"),
    "balanced": ("galileo", "saharagenconv5"),
    "creative": ("h3imaginative", "clgalileo", "gencontentv3"),
}
# Without search the list of plugins is empty as well (section 4.3).
NO_SEARCH_OPTION = "nosearchall"
# Its meaning is disputed, and two clients search without it (section 4.3).
SEARCH_PLUGINS = ({"id": "c310c353-b9f0-4d76-ab0d-1dd5e979cf68"},)
HISTORY_OPTIONS = ("autosave", "savemem", "uprofupd", "uprofgen")
# The server delivers no other types (section 4.1).
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
# Clients send this id for every context (section 4.4).
CONTEXT_MESSAGE_ID = "discover-web--page-ping-mriduna-----"


def build_invocation(
    credentials: SydneyCredentials,
    prompt: Prompt,
    model: ChatModelSpec,
    *,
    turn: int,
    request_id: str,
    trace_id: str,
    image: SydneyImage | None,
) -> dict[str, Any]:
    """Return the record that asks for an answer.

    Args:
        credentials: The upstream conversation's.
        prompt: What the caller sends. Its system prompt and history are sent in turn 0 only.
        model: Its style is the tone and selects option sets.
        turn: Counts from 0 within the upstream conversation.
        request_id: A UUID for the message.
        trace_id: 32 hex digits for the turn.
        image: The uploaded picture.
    """
    is_first = turn == 0
    argument: dict[str, Any] = {
        "source": "cib",
        "scenario": "SERP",
        "verbosity": "verbose",
        "spokenTextMode": "None",
        "tone": TONES[model.style],
        "optionsSets": build_options(model),
        "sliceIds": [],  # ids of experiments; none are needed
        "allowedMessageTypes": list(ALLOWED_MESSAGE_TYPES),
        "plugins": list(SEARCH_PLUGINS) if model.has_search else [],
        "conversationHistoryOptionsSets": list(HISTORY_OPTIONS),
        "isStartOfSession": is_first,
        "traceId": trace_id,
        "requestId": request_id,
        "conversationId": credentials.conversation_id,
        "participant": {"id": credentials.client_id},
        # Only the first turn of a conversation may have a context (section 4.4).
        "previousMessages": build_context(prompt) if is_first else None,
        "message": build_message(prompt, request_id, image),
    }
    # In the second era the token in the socket's address replaces the signature (section 1.5).
    if not credentials.token:
        argument["conversationSignature"] = credentials.signature
    # In the order in which browsers send the keys.
    return {"type": STREAM_INVOCATION, "target": "chat", "invocationId": str(turn), "arguments": [argument]}


def build_options(model: ChatModelSpec) -> list[str]:
    """Return the option sets of a model: the common ones, its style's, and the one that switches search off."""
    return [*BASE_OPTIONS, *STYLE_OPTIONS[model.style], *(() if model.has_search else (NO_SEARCH_OPTION,))]


def build_context(prompt: Prompt) -> list[dict[str, str]] | None:
    """Return system prompt and history as a web page that the chat is about: Bing takes them in no other way."""
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


def build_message(prompt: Prompt, request_id: str, image: SydneyImage | None) -> dict[str, str]:
    """Return the caller's message, unchanged, with its picture."""
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
