"""Consumer Copilot: a conversation is created over HTTP, each turn is one socket of JSON events.

Source: docs/wire/copilot.md.
"""

from chat.protocol.copilot.images import IMAGE_TYPES, build_image_request, parse_image_response
from chat.protocol.copilot.refusals import COPILOT_ERRORS
from chat.protocol.copilot.session import (
    AUTH_MODES,
    HANDSHAKE_SECONDS,
    AuthMode,
    Identity,
    build_conversation_request,
    build_socket_headers,
    build_socket_url,
    build_start_request,
    build_user_request,
    next_auth_mode,
    parse_conversation_response,
    parse_start_response,
    parse_upgrade_refusal,
    parse_user_response,
)
from chat.protocol.copilot.turn import CopilotTurn

__all__ = [
    "AUTH_MODES",
    "COPILOT_ERRORS",
    "HANDSHAKE_SECONDS",
    "IMAGE_TYPES",
    "AuthMode",
    "CopilotTurn",
    "Identity",
    "build_conversation_request",
    "build_image_request",
    "build_socket_headers",
    "build_socket_url",
    "build_start_request",
    "build_user_request",
    "next_auth_mode",
    "parse_conversation_response",
    "parse_image_response",
    "parse_start_response",
    "parse_upgrade_refusal",
    "parse_user_response",
]
