"""Bing Chat ("Sydney"): a conversation is created over HTTP, each turn is one SignalR socket.

Source: docs/wire/chathub.md.
"""

from chat.protocol.sydney.images import SydneyImage, build_image_request, check_images, parse_image_response
from chat.protocol.sydney.invocation import (
    CONVERSATION_SECONDS,
    HANDSHAKE_SECONDS,
    MAX_TURNS,
    OPEN_SECONDS,
    PING_SECONDS,
    WRITE_SECONDS,
)
from chat.protocol.sydney.session import (
    SOCKET_HEADERS,
    SydneyCredentials,
    build_create_request,
    build_list_request,
    build_socket_url,
    is_anonymous,
    parse_create_response,
    parse_list_response,
    parse_upgrade_refusal,
)
from chat.protocol.sydney.turn import SydneyTurn

__all__ = [
    "CONVERSATION_SECONDS",
    "HANDSHAKE_SECONDS",
    "MAX_TURNS",
    "OPEN_SECONDS",
    "PING_SECONDS",
    "SOCKET_HEADERS",
    "WRITE_SECONDS",
    "SydneyCredentials",
    "SydneyImage",
    "SydneyTurn",
    "build_create_request",
    "build_image_request",
    "build_list_request",
    "build_socket_url",
    "check_images",
    "is_anonymous",
    "parse_create_response",
    "parse_image_response",
    "parse_list_response",
    "parse_upgrade_refusal",
]
