"""Open a Copilot conversation: the account's identity, the calls beside the socket, and the socket's address.

Source: docs/wire/copilot.md, sections 1 to 3.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from bingproject.errors import AccountBlockedError, ServiceError
from chat.protocol.copilot.refusals import COPILOT_ERRORS, parse_refusal
from chat.protocol.requests import SessionRequest

ORIGIN = "https://copilot.microsoft.com"
# Conversations are opened by the first; only a start reports a ban (section 2).
CONVERSATIONS_PATH = "/c/api/conversations"
START_PATH = "/c/api/start"
USER_PATH = "/c/api/user?api-version=4"
SOCKET_PATH = "/c/api/chat"
HANDSHAKE_SECONDS = 10  # until `connected`: row 9 of section 5
# The site sends these with a start; two clients copied them. What each one does is not known.
_START_FLAGS = (
    "startNewConversation",
    "teenSupportEnabled",
    "correctPersonalizationSetting",
    "performUserMerge",
    "deferredDataUseCapable",
)
_HEADERS = {"Accept": "application/json", "Origin": ORIGIN}

# How calls beside the socket authenticate. Sources disagree (section 1.4): some send the token, one gets 401 for it.
AuthMode = Literal["bearer", "cookies"]
AUTH_MODES: tuple[AuthMode, ...] = ("bearer", "cookies")


@dataclass(frozen=True, slots=True)
class Identity:
    """The account that asks. Every request has its cookies too, since Cloudflare's clearance is one.

    Attributes:
        token: The access token of the scope ChatAI. "" if the account has only cookies.
        identity_type: The site's word for another sign-in provider, e.g. "google". "" for a Microsoft account.
    """

    token: str = field(repr=False)
    identity_type: str = ""


def next_auth_mode(refused: Collection[AuthMode], error: ServiceError) -> AuthMode | None:
    """Return the mode to repeat a refused call with, or None.

    The other mode is tried whichever came first: if the cookies expired, the token may still be good.

    Args:
        refused: The modes that were refused.
        error: How the last one was refused.
    """
    left = [auth_mode for auth_mode in AUTH_MODES if auth_mode not in refused]
    return left[0] if left and error.code == "cookie_expired" else None


def build_conversation_request(identity: Identity, auth_mode: AuthMode = "bearer") -> SessionRequest:
    """Return the request that opens a conversation."""
    return SessionRequest("POST", CONVERSATIONS_PATH, build_headers(identity, auth_mode), b"")


def parse_conversation_response(status: int, headers: Mapping[str, str], text: str) -> str:
    """Return the id of the conversation.

    Raises:
        AccountError: The account is blocked, throttled, challenged, or its credentials expired.
        UpstreamError: Copilot is unavailable or refuses, or the response cannot be understood.
    """
    response = read_response(status, headers, text, "create")
    _check_ban(response, "create")
    return _id(response, "id", "create")


def build_start_request(identity: Identity, time_zone: str, auth_mode: AuthMode = "bearer") -> SessionRequest:
    """Return the request that the site starts with: it opens a conversation, sets cookies and reports a ban."""
    body = {"timeZone": time_zone} | dict.fromkeys(_START_FLAGS, True)
    headers = build_headers(identity, auth_mode) | {"Content-Type": "application/json"}
    return SessionRequest("POST", START_PATH, headers, json.dumps(body).encode())


def parse_start_response(status: int, headers: Mapping[str, str], text: str) -> str:
    """Return the id of the conversation that a start opened. Raises as `parse_conversation_response`."""
    response = read_response(status, headers, text, "start")
    _check_ban(response, "start")
    return _id(response, "currentConversationId", "start")


def build_user_request(identity: Identity, auth_mode: AuthMode = "bearer") -> SessionRequest:
    """Return the request that asks if the account is signed in."""
    return SessionRequest("GET", USER_PATH, build_headers(identity, auth_mode))


def parse_user_response(status: int, headers: Mapping[str, str], text: str) -> bool:
    """True if the account is signed in. Raises as `parse_conversation_response`, but 401 means False here."""
    if status == 401:  # this call's way to say that nobody is signed in
        return False
    read_response(status, headers, text, "user")
    return True


def build_headers(identity: Identity, auth_mode: AuthMode) -> dict[str, str]:
    """Return the headers of a call beside the socket."""
    headers = dict(_HEADERS)
    if auth_mode == "bearer" and identity.token:
        headers["Authorization"] = f"Bearer {identity.token}"
        # A Microsoft account sends none (section 1.3).
        if identity.identity_type:
            headers["X-UserIdentityType"] = identity.identity_type
    return headers


def build_socket_url(base_url: str, identity: Identity, client_session_id: str) -> str:
    """Return the socket's address. It includes the token: never log it.

    Args:
        base_url: The site's, http(s) or ws(s). The result is ws(s).
        identity: The account.
        client_session_id: A UUID.
    """
    # The site sends the token in the address (section 3.1).
    query = {"api-version": "2", "clientSessionId": client_session_id}
    if identity.token:
        query["accessToken"] = identity.token
        if identity.identity_type:
            query["X-UserIdentityType"] = identity.identity_type
    scheme, separator, host = base_url.rstrip("/").partition("://")
    return f"{scheme.replace('http', 'ws', 1)}{separator}{host}{SOCKET_PATH}?{urlencode(query)}"


def build_socket_headers(cookies: Mapping[str, str]) -> dict[str, str]:
    """Return the socket's headers without the User-Agent.

    The client adds the account's own: Cloudflare binds the cookie `cf_clearance` to it (section 1.5).
    """
    headers = {"Origin": ORIGIN}
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return headers


def parse_upgrade_refusal(status: int, headers: Mapping[str, str], text: str = "") -> ServiceError:
    """Return the error that a refused upgrade means, for the client to raise."""
    return parse_refusal(status, headers, text, "upgrade") or COPILOT_ERRORS.from_status(status, headers, "upgrade")


def read_response(status: int, headers: Mapping[str, str], text: str, what: str) -> dict[str, Any]:
    """Return the JSON object in the response to a call beside the socket.

    Raises:
        ServiceError: The status or page means a failure.
    """
    refusal = parse_refusal(status, headers, text, what)
    if refusal is not None:
        raise refusal
    COPILOT_ERRORS.check(status, headers, what)
    return COPILOT_ERRORS.read_object(text, what)


def _check_ban(response: dict[str, Any], what: str) -> None:
    # A create call has neither; only a start reports a ban (section 2).
    if response.get("isBlocked") is True or response.get("banExpiresAt"):
        raise AccountBlockedError(detail=f"{what}: banExpiresAt {str(response.get('banExpiresAt'))[:40]}")


def _id(response: dict[str, Any], key: str, what: str) -> str:
    value = response.get(key)
    if not isinstance(value, str) or not value:
        raise COPILOT_ERRORS.unexpected(f"{what} answered without an id", ", ".join(sorted(response)))
    return value
