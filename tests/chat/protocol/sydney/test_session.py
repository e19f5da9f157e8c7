"""Create a conversation: both eras of signatures, each refusal, and the socket's address."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bingproject.errors import ServiceError
from chat.protocol.sydney import (
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

IDS = {"conversationId": "51D|BingProd|AB", "clientId": "914", "result": {"value": "Success", "message": None}}
ERA_2 = {"X-Sydney-Conversationsignature": "SIG", "X-Sydney-Encryptedconversationsignature": "ENC+/="}


def create(status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> SydneyCredentials:
    """Read a response to the create call."""
    return parse_create_response(status, headers or {}, body if isinstance(body, str) else json.dumps(body))


def refusal(status: int, body: Any = "", headers: dict[str, str] | None = None) -> ServiceError:
    """Return the error that a response to the create call means."""
    with pytest.raises(ServiceError) as caught:
        create(status, body, headers)
    return caught.value


def test_the_request() -> None:
    """It is a GET without a body, with the headers of a browser's chat page."""
    request = build_create_request()
    assert (request.method, request.body) == ("GET", None)
    assert request.path.startswith("/turing/conversation/create")
    assert request.headers["Referer"].startswith("https://www.bing.com/search")
    assert SOCKET_HEADERS["Origin"] == "https://www.bing.com"


def test_era_1_has_the_signature_in_the_body() -> None:
    """Then the socket's address has no token."""
    credentials = create(body=IDS | {"conversationSignature": "OLD"})
    assert credentials == SydneyCredentials("51D|BingProd|AB", "914", "OLD", "")
    assert build_socket_url("wss://s.test/ChatHub", credentials) == "wss://s.test/ChatHub"


@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_era_2_has_the_signatures_in_headers(change: Any) -> None:
    """In any letter case; every reserved character of the token is encoded."""
    credentials = create(body=IDS, headers={change(name): value for name, value in ERA_2.items()})
    assert credentials == SydneyCredentials("51D|BingProd|AB", "914", "SIG", "ENC+/=")
    assert build_socket_url("wss://s.test/ChatHub", credentials) == "wss://s.test/ChatHub?sec_access_token=ENC%2B%2F%3D"


def test_a_response_without_a_result_is_a_success_if_it_has_ids() -> None:
    """Nothing else is needed."""
    assert create(body=IDS | {"result": None}, headers=ERA_2).token == "ENC+/="


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "cookie_expired"), (403, "upstream_refused"), (404, "upstream_overloaded"), (429, "throttled"),
     (500, "upstream_unreachable"), (503, "upstream_unreachable"), (301, "upstream_refused"), (302, "upstream_refused"),
     (418, "upstream_protocol_error"), (204, "upstream_protocol_error")],
)  # fmt: skip
def test_rows_2_to_4_statuses(status: int, code: str) -> None:
    """Each status has its row, and the log names the call."""
    error = refusal(status)
    assert (error.code, error.detail) == (code, f"create answered with status {status}")


def test_row_2_waits_half_a_minute_unless_bing_says_otherwise() -> None:
    """A 404 means that Bing slows the account down."""
    assert refusal(404).retry_after == 30
    assert refusal(404, headers={"Retry-After": "7"}).retry_after == 7


@pytest.mark.parametrize("page", ["<!doctype html><p>Bing</p>", "\ufeff\r\n<html>"])
def test_row_3_a_page_is_a_refusal(page: str) -> None:
    """A region or a login wall sends it."""
    assert refusal(200, page).code == "upstream_refused"


@pytest.mark.parametrize("text", ["", '{"conversationId":', "[" * 100_000, "Bad Request"])
def test_row_6_neither_page_nor_json_is_a_protocol_error(text: str) -> None:
    """The response was damaged; the network is not refused."""
    assert refusal(200, text).code == "upstream_protocol_error"


@pytest.mark.parametrize(
    ("value", "message", "code"),
    [
        ("UnauthorizedRequest", "Sorry, you need to login first to access this service.", "cookie_expired"),
        ("UnauthorizedRequest", "Cannot retrieve user status.", "cookie_expired"),
        ("Forbidden", None, "account_blocked"),
        ("Throttled", "Request is throttled.", "throttled"),
        ("CaptchaChallenge", "User needs to solve CAPTCHA to continue.", "challenge_required"),
        ("Odd", "", "upstream_protocol_error"),
        (7, "", "upstream_protocol_error"),
    ],
)
def test_rows_4_and_5_results(value: Any, message: Any, code: str) -> None:
    """A result other than Success says what is wrong with the account."""
    assert refusal(200, {"result": {"value": value, "message": message}}).code == code


@pytest.mark.parametrize(
    "body",
    [IDS, IDS | {"conversationSignature": None}, {"conversationSignature": "S"}, IDS | {"clientId": 9}, [1], 7, None],
)
def test_row_6_missing_fields_are_a_protocol_error(body: Any) -> None:
    """No signature in body or headers, no ids, or another shape."""
    assert refusal(200, json.dumps(body)).code == "upstream_protocol_error"


def test_details_name_keys_and_no_secrets() -> None:
    """The log of a response without ids has its keys only."""
    error = refusal(200, {"conversationSignature": "SECRET", "clientId": "914"})
    assert "conversationSignature" in error.detail
    assert "SECRET" not in error.detail


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "cookie_expired"), (403, "upstream_refused"), (200, "upstream_refused"), (301, "upstream_refused"),
     (429, "throttled"), (500, "upstream_unreachable"), (503, "upstream_unreachable")],
)  # fmt: skip
def test_rows_4_7_8_refused_upgrades(status: int, code: str) -> None:
    """The status decides the error, and a header says when to try again."""
    error = parse_upgrade_refusal(status, {"retry-after": "11"})
    assert error.code == code
    assert error.retry_after == (11 if status in (429, 500, 503) else None)


def test_an_anonymous_conversation_is_recognised_by_its_id() -> None:
    """Bing marks those of people who are not signed in."""
    assert is_anonymous(SydneyCredentials("51D|BingProdUnAuthenticatedUsers|AB", "914", "s", ""))
    assert not is_anonymous(SydneyCredentials("51D|BingProd|AB", "914", "s", ""))


def test_the_list_of_conversations() -> None:
    """A GET that opens none; only their number counts."""
    request = build_list_request()
    assert (request.method, request.path, request.body) == ("GET", "/turing/conversation/chats", None)
    body = {"chats": [{"conversationId": "a"}, {}], "clientId": "914", "result": {"value": "Success"}}
    assert parse_list_response(200, {}, json.dumps(body)) == 2


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (
            200,
            {"result": {"value": "UnauthorizedRequest", "message": "Sorry, you need to login first."}},
            "cookie_expired",
        ),
        (200, {"result": {"value": "Success"}}, "upstream_protocol_error"),
        (200, {"chats": "many"}, "upstream_protocol_error"),
        (200, "<html>", "upstream_refused"),
        (403, {}, "upstream_refused"),
        (404, {}, "upstream_overloaded"),
        (500, {}, "upstream_unreachable"),
    ],
)
def test_a_refused_list(status: int, body: Any, code: str) -> None:
    """The same meanings as for the create call, with the list's own name."""
    with pytest.raises(ServiceError) as caught:
        parse_list_response(status, {}, body if isinstance(body, str) else json.dumps(body))
    assert caught.value.code == code
    assert "create" not in caught.value.detail
