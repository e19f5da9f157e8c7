"""Consumer Copilot: a conversation is created over HTTP, each turn is one socket of JSON events.

Source: docs/wire/copilot.md.
"""

from chat.protocol.copilot.images import IMAGE_TYPES, build_image_request, parse_image_response
from chat.protocol.copilot.refusals import COPILOT
from chat.protocol.copilot.reply import Reply
from chat.protocol.copilot.session import (
    HANDSHAKE_SECONDS,
    MANNERS,
    Identity,
    Manner,
    build_conversation_request,
    build_socket_headers,
    build_socket_url,
    build_start_request,
    build_user_request,
    next_manner,
    parse_conversation_response,
    parse_start_response,
    parse_upgrade_refusal,
    parse_user_response,
)
from chat.protocol.copilot.turn import MODES

__all__ = [
    "COPILOT",
    "HANDSHAKE_SECONDS",
    "IMAGE_TYPES",
    "MANNERS",
    "MODES",
    "Identity",
    "Manner",
    "Reply",
    "build_conversation_request",
    "build_image_request",
    "build_socket_headers",
    "build_socket_url",
    "build_start_request",
    "build_user_request",
    "next_manner",
    "parse_conversation_response",
    "parse_image_response",
    "parse_start_response",
    "parse_upgrade_refusal",
    "parse_user_response",
]
