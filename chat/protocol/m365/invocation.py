"""The question of a turn: the type-4 invocation and the Metrics record behind it, with option sets and limits.

Whatever the sources leave open is a constant of this module.
Source: docs/wire/m365.md, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.protocol import signalr
from chat.protocol.events import Prompt
from chat.protocol.m365.images import M365Image
from chat.protocol.m365.session import Thread
from chat.protocol.transcript import prepend

CONVERSATION_SECONDS = 6 * 3600  # section 5.3
MAX_TURNS = 600  # section 5.3
HANDSHAKE_SECONDS = 10
# Those of one client; which of them have an effect is not known (section 4).
OPTIONS = (
    "search_result_progress_messages_with_search_queries",
    "update_textdoc_response_after_streaming",
    "deepleo_networking_timeout_10minutes_canmore",
    "cwc_flux_image",
    "cwcfluxgptv",
    "flux_v3_gptv_enable_upload_multi_image_in_turn_wo_ch",
    "gptvnorm2048",
    "cwc_fileupload_odb",
    "update_memory_plugin",
    "add_custom_instructions",
    "cwc_flux_v3",
    "flux_v3_progress_messages",
    "enable_batch_token_processing",
    "enable_gg_gpt",
)
ALLOWED_MESSAGE_TYPES = ("Chat", "Suggestion", "Disengaged", "Progress", "EndOfRequest", "InternalLoaderMessage")
# Uncertain: search is switched off by leaving it out (section 4.4).
SEARCH_PLUGINS = ({"Id": "BingWebSearch", "Source": "BuiltIn"},)
CLIENT_INFO = {"clientPlatform": "mcmcopilot-web", "clientAppName": "Office"}
ANNOTATION_TYPES = ("People", "File", "Event", "Email", "TeamsMessage")
LOCALE = "en-us"
LOCATION = {"timeZone": "UTC", "timeZoneOffset": 0}
# Browsers send their clock's times here. Empty texts are accepted too, so that no clock is read.
METRICS = {
    "type": signalr.INVOCATION,
    "target": "Metrics",
    "arguments": [
        {
            "Timestamps": dict.fromkeys(
                ("ConnectionStart", "UserInputStart", "ConnectionEstablished", "UserInputSubmit"), ""
            )
        }
    ],
}


def build_question(
    thread: Thread,
    prompt: Prompt,
    tone: str,
    *,
    turn: int,
    request_id: str,
    trace_id: str,
    has_search: bool,
    images: Sequence[M365Image],
) -> str:
    """Return the one frame that asks for an answer: the invocation and the Metrics record.

    Without the second record, or with the two in separate frames, an education tenant's stream ended without an answer.

    Args:
        thread: The upstream conversation.
        prompt: What the caller sends.
        tone: The service's word for the model: `Magic`, `Gpt_Quick`, …
        turn: Counts from 0 within the conversation.
        request_id: A UUID for the message.
        trace_id: A UUID for the turn.
        has_search: False to send no search plugin.
        images: The uploaded pictures.
    """
    argument: dict[str, Any] = {
        "source": "officeweb",
        "clientCorrelationId": trace_id,
        "traceId": trace_id,
        "sessionId": thread.session_id,
        "conversationId": thread.conversation_id,  # the service compares it with the socket's address
        "isStartOfSession": turn == 0,
        "productThreadType": "Office",
        "streamingMode": "ConciseWithPadding",
        "tone": tone,
        "optionsSets": list(OPTIONS),
        "allowedMessageTypes": list(ALLOWED_MESSAGE_TYPES),
        "sliceIds": [],
        "options": {},
        "threadLevelGptId": {},
        "clientInfo": CLIENT_INFO,
        "plugins": list(SEARCH_PLUGINS) if has_search else [],
        "message": build_message(prompt, turn, request_id, images),
    }
    # Always "0": each turn has a socket of its own.
    invocation = {
        "type": signalr.STREAM_INVOCATION,
        "target": "chat",
        "invocationId": "0",
        "arguments": [argument],
    }
    return signalr.encode(invocation) + signalr.encode(METRICS)


def build_message(prompt: Prompt, turn: int, request_id: str, images: Sequence[M365Image]) -> dict[str, Any]:
    """Return the caller's message with its pictures.

    There is no channel for a system prompt or a history, so the text of turn 0 includes them.
    """
    message: dict[str, Any] = {
        "author": "user",
        "inputMethod": "Keyboard",
        "text": prepend(prompt) if turn == 0 else prompt.question,
        "requestId": request_id,
        "messageType": "Chat",
        "experienceType": "Default",
        "locale": LOCALE,
        "locationInfo": LOCATION,
        "entityAnnotationTypes": list(ANNOTATION_TYPES),
        "adaptiveCards": [],
        "clientPreferences": {},
    }
    if images:
        message["messageAnnotations"] = [_annotation(image) for image in images]
    return message


def _annotation(image: M365Image) -> dict[str, Any]:
    metadata = {
        "@type": "File",
        "annotationType": "File",
        "fileType": image.file_type,
        "fileName": image.file_name,
    }
    return {"id": image.doc_id, "messageAnnotationType": "ImageFile", "messageAnnotationMetadata": metadata}
