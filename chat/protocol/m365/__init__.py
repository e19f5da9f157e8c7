"""Microsoft 365 Copilot: the caller names the conversation, each turn is one SignalR socket.

Source: docs/wire/m365.md.
"""

from chat.protocol.m365.images import IMAGE_TYPES, M365Image, build_image_request, parse_image_response
from chat.protocol.m365.invocation import CONVERSATION_SECONDS, HANDSHAKE_SECONDS, MAX_TURNS
from chat.protocol.m365.session import (
    M365_ERRORS,
    SOCKET_HEADERS,
    TIERS,
    M365Credentials,
    Thread,
    build_call_url,
    build_socket_url,
    parse_upgrade_refusal,
)
from chat.protocol.m365.turn import M365Turn

__all__ = [
    "CONVERSATION_SECONDS",
    "HANDSHAKE_SECONDS",
    "IMAGE_TYPES",
    "M365_ERRORS",
    "MAX_TURNS",
    "SOCKET_HEADERS",
    "TIERS",
    "M365Credentials",
    "M365Image",
    "M365Turn",
    "Thread",
    "build_call_url",
    "build_image_request",
    "build_socket_url",
    "parse_image_response",
    "parse_upgrade_refusal",
]
