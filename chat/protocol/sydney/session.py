"""Opening a Bing conversation: the create call, its two eras of signatures, and the address of the socket.

Source: docs/wire/chathub.md, sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bingproject.errors import ServiceError
from bingproject.response_headers import find_header, parse_retry_after
from chat.protocol.failures import BING, parse_result, unexpected
from chat.protocol.requests import HttpRequest

CREATE_PATH = "/turing/conversation/create?bundleVersion=1.1809.0"
ANONYMOUS_MARK = "UnAuthenticatedUsers"
LIST_PATH = "/turing/conversation/chats"
# A 404 is this address or session being slowed down; a later try often works.
NOT_FOUND_RETRY_SECONDS = 30
SIGNATURE_HEADER = "x-sydney-conversationsignature"
TOKEN_HEADER = "x-sydney-encryptedconversationsignature"
CREATE_HEADERS = {
    "Accept": "application/json",
    "Referer": "https://www.bing.com/search?q=Bing+AI&showconv=1&setlang=en&cc=us",
    "X-Ms-Useragent": "azsdk-js-api-client-factory/1.0.0-beta.1 core-rest-pipeline/1.12.0 OS/Windows",
}
SOCKET_HEADERS = {"Origin": "https://www.bing.com", "Cache-Control": "no-cache", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one upstream conversation is spoken to with.

    Shape: `token` is the encrypted signature that goes into the socket's address, "" in the first era, when
    `signature` goes into the record instead.
    """

    conversation_id: str
    client_id: str
    signature: str
    token: str


def build_create_request() -> HttpRequest:
    """The GET that opens a conversation; its redirects must not be followed."""
    return HttpRequest("GET", CREATE_PATH, dict(CREATE_HEADERS))


def parse_create_response(status: int, headers: Mapping[str, str], text: str) -> Credentials:
    """Read the answer to the create call, of either era.

    Raises: UpstreamUnavailableError (404, 5xx), UpstreamRefusedError (403, redirect, a page), CookieExpiredError,
    AccountBlockedError, AccountThrottledError, ChallengeRequiredError, UnexpectedResponseError.
    """
    _check_status(status, headers)
    answer = _read_success(text, "create")
    token = find_header(headers, TOKEN_HEADER)
    signature = find_header(headers, SIGNATURE_HEADER) or _string(answer, "conversationSignature")
    conversation_id, client_id = _string(answer, "conversationId"), _string(answer, "clientId")
    if not conversation_id or not client_id:
        raise unexpected("create answered without ids", ", ".join(sorted(answer)))
    if not (token or signature):
        raise unexpected("create answered without a signature")
    return Credentials(conversation_id, client_id, signature, token)


def is_anonymous(credentials: Credentials) -> bool:
    """Whether Bing opened the conversation as for somebody who is not signed in: its id says so."""
    return ANONYMOUS_MARK in credentials.conversation_id


def build_list_request() -> HttpRequest:
    """The GET of the account's conversations; it opens none."""
    return HttpRequest("GET", LIST_PATH, dict(CREATE_HEADERS))


def parse_list_response(status: int, headers: Mapping[str, str], text: str) -> int:
    """How many conversations Bing lists of the account.

    Raises: as `parse_create_response`.
    """
    _check_status(status, headers, call="list")
    answer = _read_success(text, "list")
    chats = answer.get("chats")
    if not isinstance(chats, list):
        raise unexpected("list answered without conversations", ", ".join(sorted(answer)))
    return len(chats)


def build_socket_url(base_url: str, credentials: Credentials) -> str:
    """The socket's address; the token is encoded to the last character, since it holds `+`, `/` and `=`."""
    if not credentials.token:
        return base_url
    return f"{base_url}?sec_access_token={quote(credentials.token, safe='')}"


def parse_upgrade_refusal(status: int, headers: Mapping[str, str]) -> ServiceError:
    """What a refused upgrade means; the error is returned for the client to raise."""
    return BING.refuse(status, headers, "upgrade")


def _check_status(status: int, headers: Mapping[str, str], call: str = "create") -> None:
    if status == 404:
        seconds = parse_retry_after(headers)
        raise BING.fail(
            "upstream_overloaded",
            f"{call} answered with status 404",
            retry_after=NOT_FOUND_RETRY_SECONDS if seconds is None else seconds,
        )
    BING.check(status, headers, call)


def _read_success(text: str, call: str) -> dict[str, Any]:
    answer = BING.read(text, call)
    result = answer.get("result")
    if isinstance(result, dict) and result.get("value") not in (None, "Success"):
        raise parse_result(str(result["value"]), str(result.get("message") or ""))
    return answer


def _string(answer: dict[str, Any], key: str) -> str:
    value = answer.get(key)
    return value if isinstance(value, str) else ""
