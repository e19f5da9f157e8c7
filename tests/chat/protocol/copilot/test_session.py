"""The account's identity, the calls beside the socket, and the socket's address."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bingproject.errors import AccountBlockedError, ServiceError
from chat.protocol.copilot import (
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
from chat.protocol.failures import BING_ERRORS

MICROSOFT, GOOGLE = Identity("to+ken/="), Identity("to+ken/=", "google")
HTML = {"Content-Type": "text/html; charset=UTF-8"}
PARSERS: list[Callable[[int, dict[str, str], str], Any]] = [
    parse_conversation_response,
    parse_start_response,
    parse_user_response,
]


def refusal(parse: Callable[[int, dict[str, str], str], Any], status: int, headers: Any = (), body: str = "") -> str:
    """Return the code of the error that a response means."""
    with pytest.raises(ServiceError) as caught:
        parse(status, dict(headers), body)
    return caught.value.code


def test_a_conversation_is_opened_by_an_empty_post() -> None:
    """A header has the token, and the sign-in provider unless it is Microsoft."""
    request = build_conversation_request(GOOGLE)
    assert (request.method, request.path, request.body) == ("POST", "/c/api/conversations", b"")
    assert request.headers["Authorization"] == "Bearer to+ken/="
    assert request.headers["X-UserIdentityType"] == "google"
    assert "X-UserIdentityType" not in build_conversation_request(MICROSOFT).headers


def test_an_account_with_cookies_only_sends_no_token() -> None:
    """Also if it has a token and the mode is cookies."""
    for request in (build_conversation_request(GOOGLE, "cookies"), build_user_request(Identity(""))):
        assert not {"Authorization", "X-UserIdentityType"} & set(request.headers)


def test_the_other_auth_mode_is_tried_once() -> None:
    """After a 401, since sources disagree on what calls need; not after any other failure, and not twice."""
    expired = BING_ERRORS.from_status(401, {}, "create")
    assert next_auth_mode({"bearer"}, expired) == "cookies"
    assert next_auth_mode({"cookies"}, expired) == "bearer"
    assert next_auth_mode({"bearer", "cookies"}, expired) is None
    assert next_auth_mode({"bearer"}, BING_ERRORS.from_status(403, {}, "create")) is None


def test_the_conversation_id_is_read() -> None:
    """From the response to a create call and to a start."""
    assert parse_conversation_response(200, {}, '{"id":"dRUX","x":1}') == "dRUX"
    assert parse_conversation_response(201, {}, '{"id":"dRUX"}') == "dRUX"
    started = '{"currentConversationId":"dRUX","remainingTurns":1000,"isBlocked":false,"banExpiresAt":null}'
    assert parse_start_response(200, {}, started) == "dRUX"


@pytest.mark.parametrize("fields", [{"isBlocked": True}, {"banExpiresAt": "2026-12-01T00:00:00Z"}])
def test_row_5_a_start_reports_a_blocked_account(fields: dict[str, Any]) -> None:
    """By a flag or by the end of a ban."""
    with pytest.raises(AccountBlockedError):
        parse_start_response(200, {}, json.dumps({"currentConversationId": "dRUX"} | fields))


def test_a_start_has_a_time_zone() -> None:
    """The caller of the function gives it."""
    request = build_start_request(MICROSOFT, "Europe/London")
    assert (request.method, request.path) == ("POST", "/c/api/start")
    body = json.loads(request.body or b"")
    assert (body["timeZone"], body["startNewConversation"]) == ("Europe/London", True)


def test_a_401_means_that_nobody_is_signed_in() -> None:
    """For this call it is no failure."""
    assert build_user_request(MICROSOFT).path == "/c/api/user?api-version=4"
    assert parse_user_response(200, {}, '{"firstName":"Ann"}')
    assert not parse_user_response(401, {}, "")


@pytest.mark.parametrize("parse", PARSERS[:2])
@pytest.mark.parametrize("body", ["{}", '{"id":7,"currentConversationId":""}'])
def test_row_6_a_response_without_an_id(parse: Callable[..., Any], body: str) -> None:
    """The log has its keys."""
    assert refusal(parse, 200, (), body) == "upstream_protocol_error"


def test_row_4_refused_credentials() -> None:
    """The message tells the operator what to paste."""
    with pytest.raises(ServiceError, match="access token") as caught:
        parse_conversation_response(401, {}, "")
    assert caught.value.code == "cookie_expired"


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        (403, {}, "{}", "upstream_refused"),
        (403, HTML, "", "challenge_required"),
        (403, {}, " <html>Just a moment", "challenge_required"),
        (503, {"CF-Mitigated": "challenge"}, "", "challenge_required"),
        (403, HTML, "<p>Copilot is Not Available in your region", "upstream_refused"),
        (200, {}, "Copilot is not available in your region.", "upstream_refused"),
        (429, {}, "", "throttled"),
        (502, HTML, "<html>", "upstream_unreachable"),
        (302, {}, "", "upstream_refused"),
        (404, {}, "", "upstream_protocol_error"),
        (200, HTML, "<html>", "upstream_refused"),
        (200, {}, "[", "upstream_protocol_error"),
    ],
)
def test_refused_calls(parse: Callable[..., Any], status: int, headers: Any, body: str, code: str) -> None:
    """Rows 3, 8, 22 and 25: Cloudflare's page is a challenge, a region is a refusal."""
    assert refusal(parse, status, headers, body) == code


@pytest.mark.parametrize(
    ("status", "headers", "text", "code"),
    [
        (401, {}, "", "cookie_expired"),
        (403, HTML, "", "challenge_required"),
        (403, {}, "<!doctype html>", "challenge_required"),
        (403, {"cf-mitigated": "challenge"}, "", "challenge_required"),
        (403, {}, "", "upstream_refused"),
        (403, HTML, "not available in your region", "upstream_refused"),
        (429, {"retry-after": "9"}, "", "throttled"),
        (500, {}, "", "upstream_unreachable"),
        (200, {}, "", "upstream_refused"),
        (404, {}, "", "upstream_refused"),
    ],
)
def test_rows_4_7_8_22_25_refused_upgrades(status: int, headers: dict[str, str], text: str, code: str) -> None:
    """Status, headers and page of the response decide the error."""
    error = parse_upgrade_refusal(status, headers, text)
    assert error.code == code
    assert error.detail.startswith("upgrade")
    assert error.retry_after == (9 if status == 429 else None)


@pytest.mark.parametrize(
    ("base", "start"),
    [("https://copilot.microsoft.com", "wss://copilot.microsoft.com/c/api/chat?"),
     ("http://127.0.0.1:7861/", "ws://127.0.0.1:7861/c/api/chat?"),
     ("wss://copilot.microsoft.com", "wss://copilot.microsoft.com/c/api/chat?")],
)  # fmt: skip
def test_the_sockets_address(base: str, start: str) -> None:
    """It is the site's, as a socket; every reserved character of the token is encoded."""
    url = build_socket_url(base, GOOGLE, "5f0c")
    assert url.startswith(start)
    assert parse_qs(urlsplit(url).query, strict_parsing=True) == {
        "api-version": ["2"],
        "clientSessionId": ["5f0c"],
        "accessToken": ["to+ken/="],
        "X-UserIdentityType": ["google"],
    }


def test_the_sockets_address_has_no_empty_parameters() -> None:
    """Without a provider or a token it has no parameter for it."""
    assert "X-UserIdentityType" not in build_socket_url("https://c.test", MICROSOFT, "5f0c")
    assert build_socket_url("https://c.test", Identity("", "google"), "5f0c").endswith("clientSessionId=5f0c")


def test_the_sockets_headers() -> None:
    """They are the origin and the cookies, among them Cloudflare's."""
    assert build_socket_headers({}) == {"Origin": "https://copilot.microsoft.com"}
    assert build_socket_headers({"cf_clearance": "x", "MUID": "y"})["Cookie"] == "cf_clearance=x; MUID=y"


def test_a_token_is_not_in_the_repr() -> None:
    """So neither a log nor a traceback shows it."""
    assert "ken" not in repr(GOOGLE)
