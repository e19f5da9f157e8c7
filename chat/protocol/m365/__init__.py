"""Microsoft 365 Copilot: the caller names the conversation, each turn is one SignalR socket.

Source: docs/wire/m365.md.
"""

from chat.protocol.m365.images import IMAGE_TYPES, UploadedImage, build_image_request, parse_image_response
from chat.protocol.m365.invocation import CONVERSATION_SECONDS, HANDSHAKE_SECONDS, MAX_TURNS, TONES
from chat.protocol.m365.reply import Reply
from chat.protocol.m365.session import (
    M365,
    SOCKET_HEADERS,
    TIERS,
    Credentials,
    Thread,
    build_call_url,
    build_socket_url,
    parse_upgrade_refusal,
)

__all__ = [
    "CONVERSATION_SECONDS",
    "HANDSHAKE_SECONDS",
    "IMAGE_TYPES",
    "M365",
    "MAX_TURNS",
    "SOCKET_HEADERS",
    "TIERS",
    "TONES",
    "Credentials",
    "Reply",
    "Thread",
    "UploadedImage",
    "build_call_url",
    "build_image_request",
    "build_socket_url",
    "parse_image_response",
    "parse_upgrade_refusal",
]
