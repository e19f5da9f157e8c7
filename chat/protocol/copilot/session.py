"""Opening a Copilot conversation: who asks, the calls beside the socket, and the socket's address.

Source: docs/wire/copilot.md, sections 1 to 3.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from bingproject.errors import AccountBlockedError, ServiceError
from chat.protocol.copilot.refusals import COPILOT, parse_refusal
from chat.protocol.requests import HttpRequest

ORIGIN = "https://copilot.microsoft.com"
CONVERSATIONS_PATH = "/c/api/conversations"
START_PATH = "/c/api/start"
USER_PATH = "/c/api/user?api-version=4"
SOCKET_PATH = "/c/api/chat"
HANDSHAKE_SECONDS = 10
# What the site sends with a start, as two clients copied it; what each flag does is not known.
_START_FLAGS = (
    "startNewConversation",
    "teenSupportEnabled",
    "correctPersonalizationSetting",
    "performUserMerge",
    "deferredDataUseCapable",
)
_HEADERS = {"Accept": "application/json", "Origin": ORIGIN}

# How the calls beside the socket prove who asks. Sources disagree: some send the token and some are refused with it.
Manner = Literal["bearer", "cookies"]
MANNERS: tuple[Manner, ...] = ("bearer", "cookies")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. Cookies go along with every request besides, since Cloudflare's clearance is one.

    Shape: `token` is the access token of the scope ChatAI, "" for an account of cookies only; `identity_type` is the
    site's word for how it signed in ("google"), "" for a Microsoft account.
    """

    token: str = field(repr=False)
    identity_type: str = ""


def next_manner(refused: Collection[Manner], error: ServiceError) -> Manner | None:
    """The manner to try a call once more with when these were refused, the last of them by this error; None for none.

    Whichever was tried first: a token that is good does not end because the cookies beside it did.
    """
    left = [manner for manner in MANNERS if manner not in refused]
    return left[0] if left and error.code == "cookie_expired" else None


def build_conversation_request(identity: Identity, manner: Manner = "bearer") -> HttpRequest:
    """The POST that opens a conversation."""
    return HttpRequest("POST", CONVERSATIONS_PATH, build_headers(identity, manner), b"")


def parse_conversation_response(status: int, headers: Mapping[str, str], text: str) -> str:
    """The id of the conversation that was opened.

    Raises: AccountBlockedError, CookieExpiredError, ChallengeRequiredError, AccountThrottledError,
    UpstreamRefusedError, UpstreamUnavailableError, UnexpectedResponseError.
    """
    answer = read_answer(status, headers, text, "create")
    _check_ban(answer, "create")
    return _id(answer, "id", "create")


def build_start_request(identity: Identity, time_zone: str, manner: Manner = "bearer") -> HttpRequest:
    """The POST by which the site starts: it opens a conversation, sets cookies, and says if the account is blocked."""
    body = {"timeZone": time_zone} | dict.fromkeys(_START_FLAGS, True)
    headers = build_headers(identity, manner) | {"Content-Type": "application/json"}
    return HttpRequest("POST", START_PATH, headers, json.dumps(body).encode())


def parse_start_response(status: int, headers: Mapping[str, str], text: str) -> str:
    """The id of the conversation that a start opened.

    Raises: as `parse_conversation_response`.
    """
    answer = read_answer(status, headers, text, "start")
    _check_ban(answer, "start")
    return _id(answer, "currentConversationId", "start")


def build_user_request(identity: Identity, manner: Manner = "bearer") -> HttpRequest:
    """The GET that says whether the account is signed in."""
    return HttpRequest("GET", USER_PATH, build_headers(identity, manner))


def parse_user_response(status: int, headers: Mapping[str, str], text: str) -> bool:
    """Whether the account is signed in.

    Raises: as `parse_conversation_response`, but a 401 is an answer here.
    """
    if status == 401:
        return False
    read_answer(status, headers, text, "user")
    return True


def build_headers(identity: Identity, manner: Manner) -> dict[str, str]:
    """The headers of a call beside the socket."""
    headers = dict(_HEADERS)
    if manner == "bearer" and identity.token:
        headers["Authorization"] = f"Bearer {identity.token}"
        if identity.identity_type:
            headers["X-UserIdentityType"] = identity.identity_type
    return headers


def build_socket_url(base_url: str, identity: Identity, client_session_id: str) -> str:
    """The socket's address. It holds the token: never log it.

    Shape: `base_url` is the site's, http(s) or ws(s); the result is ws(s). `client_session_id` is a UUID.
    """
    query = {"api-version": "2", "clientSessionId": client_session_id}
    if identity.token:
        query["accessToken"] = identity.token
        if identity.identity_type:
            query["X-UserIdentityType"] = identity.identity_type
    scheme, separator, host = base_url.rstrip("/").partition("://")
    return f"{scheme.replace('http', 'ws', 1)}{separator}{host}{SOCKET_PATH}?{urlencode(query)}"


def build_socket_headers(cookies: Mapping[str, str]) -> dict[str, str]:
    """The socket's headers, besides the User-Agent: that must be the one which earned the cookie `cf_clearance`."""
    headers = {"Origin": ORIGIN}
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return headers


def parse_upgrade_refusal(status: int, headers: Mapping[str, str], text: str = "") -> ServiceError:
    """What a refused upgrade means; the error is returned for the client to raise."""
    return parse_refusal(status, headers, text, "upgrade") or COPILOT.refuse(status, headers, "upgrade")


def read_answer(status: int, headers: Mapping[str, str], text: str, what: str) -> dict[str, Any]:
    """The JSON object a call beside the socket was answered with.

    Raises: what its status or page means.
    """
    refusal = parse_refusal(status, headers, text, what)
    if refusal is not None:
        raise refusal
    COPILOT.check(status, headers, what)
    return COPILOT.read(text, what)


def _check_ban(answer: dict[str, Any], what: str) -> None:
    if answer.get("isBlocked") is True or answer.get("banExpiresAt"):
        raise AccountBlockedError(detail=f"{what}: banExpiresAt {str(answer.get('banExpiresAt'))[:40]}")


def _id(answer: dict[str, Any], key: str, what: str) -> str:
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise COPILOT.unexpected(f"{what} answered without an id", ", ".join(sorted(answer)))
    return value
