"""Open a Bing conversation: the create call, its two eras of signatures, and the socket's address.

Source: docs/wire/chathub.md, sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bingproject.errors import ServiceError
from bingproject.upstream.response_headers import find_header, parse_retry_after
from chat.protocol.failures import BING_ERRORS, parse_result
from chat.protocol.requests import SessionRequest

# Clients send one of two versions, or none; this is the later one (section 1).
CREATE_PATH = "/turing/conversation/create?bundleVersion=1.1809.0"
# The second part of a conversation's id is then `BingProdUnAuthenticatedUsers` (section 1.4).
ANONYMOUS_MARK = "UnAuthenticatedUsers"
LIST_PATH = "/turing/conversation/chats"
# A 404 means that Bing slows this address or session down. A later try often works (section 1).
NOT_FOUND_RETRY_SECONDS = 30
# Since October 2023 these headers replace the body's `conversationSignature` (section 1.5).
SIGNATURE_HEADER = "x-sydney-conversationsignature"
TOKEN_HEADER = "x-sydney-encryptedconversationsignature"
# The minimum is not known: one client sends all of these, another one none (section 1.2).
CREATE_HEADERS = {
    "Accept": "application/json",
    "Referer": "https://www.bing.com/search?q=Bing+AI&showconv=1&setlang=en&cc=us",
    "X-Ms-Useragent": "azsdk-js-api-client-factory/1.0.0-beta.1 core-rest-pipeline/1.12.0 OS/Windows",
}
# Clients without any header got 403 from June 2023 on (section 2.2).
SOCKET_HEADERS = {"Origin": "https://www.bing.com", "Cache-Control": "no-cache", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class SydneyCredentials:
    """The ids and signatures of one upstream conversation.

    Attributes:
        conversation_id: `51D|BingProd|<64 hex digits>`.
        client_id: Sent as the participant's id.
        signature: Sent in the record in the first era.
        token: The encrypted signature for the socket's address. "" in the first era.
    """

    conversation_id: str
    client_id: str
    signature: str
    token: str


def build_create_request() -> SessionRequest:
    """Return the request that opens a conversation. A redirect is a refusal, so it must not be followed."""
    return SessionRequest("GET", CREATE_PATH, dict(CREATE_HEADERS))


def parse_create_response(status: int, headers: Mapping[str, str], text: str) -> SydneyCredentials:
    """Read the response to the create call, of either era.

    Raises:
        AccountError: The account is blocked, throttled, challenged, or its cookies expired.
        UpstreamUnavailableError: 404 or 5xx.
        UpstreamRefusedError: 403, a redirect, or a page.
        UnexpectedResponseError: Ids or signatures are missing, or it is no JSON object.
    """
    _check_status(status, headers)
    response = _read_success(text, "create")
    token = find_header(headers, TOKEN_HEADER)
    signature = find_header(headers, SIGNATURE_HEADER) or _string(response, "conversationSignature")
    conversation_id, client_id = _string(response, "conversationId"), _string(response, "clientId")
    if not conversation_id or not client_id:
        raise BING_ERRORS.unexpected("create answered without ids", ", ".join(sorted(response)))
    # A success without a signature is another contract: row 6 of section 6.
    if not (token or signature):
        raise BING_ERRORS.unexpected("create answered without a signature")
    return SydneyCredentials(conversation_id, client_id, signature, token)


def is_anonymous(credentials: SydneyCredentials) -> bool:
    """True if Bing opened the conversation for nobody who is signed in, which its id says (section 1.4)."""
    return ANONYMOUS_MARK in credentials.conversation_id


def build_list_request() -> SessionRequest:
    """Return the request that lists the account's conversations. It opens none."""
    return SessionRequest("GET", LIST_PATH, dict(CREATE_HEADERS))


def parse_list_response(status: int, headers: Mapping[str, str], text: str) -> int:
    """Return the number of the account's conversations. Raises as `parse_create_response`."""
    _check_status(status, headers, call="list")
    response = _read_success(text, "list")
    chats = response.get("chats")
    if not isinstance(chats, list):
        raise BING_ERRORS.unexpected("list answered without conversations", ", ".join(sorted(response)))
    return len(chats)


def build_socket_url(base_url: str, credentials: SydneyCredentials) -> str:
    """Return the socket's address. It may include the token: never log it.

    Every reserved character of the token is encoded, since it has `+`, `/` and `=`.
    """
    if not credentials.token:
        return base_url
    return f"{base_url}?sec_access_token={quote(credentials.token, safe='')}"


def parse_upgrade_refusal(status: int, headers: Mapping[str, str]) -> ServiceError:
    """Return the error that a refused upgrade means, for the client to raise."""
    return BING_ERRORS.from_status(status, headers, "upgrade")


def _check_status(status: int, headers: Mapping[str, str], call: str = "create") -> None:
    if status == 404:
        seconds = parse_retry_after(headers)
        raise BING_ERRORS.build(
            "upstream_overloaded",
            f"{call} answered with status 404",
            retry_after=NOT_FOUND_RETRY_SECONDS if seconds is None else seconds,
        )
    BING_ERRORS.check(status, headers, call)


def _read_success(text: str, call: str) -> dict[str, Any]:
    response = BING_ERRORS.read_object(text, call)
    result = response.get("result")
    # A refused account may have status 200: then only the result says so (section 1).
    if isinstance(result, dict) and result.get("value") not in (None, "Success"):
        raise parse_result(str(result["value"]), str(result.get("message") or ""))
    return response


def _string(response: dict[str, Any], key: str) -> str:
    value = response.get(key)
    return value if isinstance(value, str) else ""
