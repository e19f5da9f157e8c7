"""What a turn asks for: the type-4 record and its twin, with their option sets and limits.

All that the sources leave open stands here, so that a changed service is a changed table.
Source: docs/wire/m365.md, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chat.protocol import signalr
from chat.protocol.events import Prompt
from chat.protocol.m365.images import UploadedImage
from chat.protocol.m365.session import Thread
from chat.protocol.transcript import prepend

CONVERSATION_SECONDS = 6 * 3600
MAX_TURNS = 600
HANDSHAKE_SECONDS = 10

# Our names and the service's. A tone the account is not licensed for gives an answer that is empty, and no error.
TONES = {
    "m365": "Magic",
    "m365-quick": "Gpt_Quick",
    "m365-think": "Gpt_Reasoning",
    "precise": "Precise",
    "balanced": "Balanced",
    "creative": "Creative",
}
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
SEARCH_PLUGINS = ({"Id": "BingWebSearch", "Source": "BuiltIn"},)
CLIENT_INFO = {"clientPlatform": "mcmcopilot-web", "clientAppName": "Office"}
ANNOTATION_TYPES = ("People", "File", "Event", "Email", "TeamsMessage")
LOCALE = "en-us"
LOCATION = {"timeZone": "UTC", "timeZoneOffset": 0}
# Browsers put their clock's times here; empty texts are taken as well.
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
    images: Sequence[UploadedImage],
) -> str:
    """The one message that asks for an answer: the invocation and behind it its Metrics record.

    Without the twin, or with the two in messages of their own, some tenants end the stream without a word.
    Shape: `turn` counts from 0 within the conversation.
    """
    argument: dict[str, Any] = {
        "source": "officeweb",
        "clientCorrelationId": trace_id,
        "traceId": trace_id,
        "sessionId": thread.session_id,
        "conversationId": thread.conversation_id,  # compared with the one in the socket's address
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
    # Each turn is a socket of its own, so the invocation's number is always the first.
    invocation = {
        "type": signalr.STREAM_INVOCATION,
        "target": "chat",
        "invocationId": "0",
        "arguments": [argument],
    }
    return signalr.encode(invocation) + signalr.encode(METRICS)


def build_message(prompt: Prompt, turn: int, request_id: str, images: Sequence[UploadedImage]) -> dict[str, Any]:
    """The caller's words with their pictures.

    There is no channel for a system prompt or a history, so turn 0 takes them along in the text.
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


def _annotation(image: UploadedImage) -> dict[str, Any]:
    metadata = {
        "@type": "File",
        "annotationType": "File",
        "fileType": image.file_type,
        "fileName": image.file_name,
    }
    return {"id": image.doc_id, "messageAnnotationType": "ImageFile", "messageAnnotationMetadata": metadata}
