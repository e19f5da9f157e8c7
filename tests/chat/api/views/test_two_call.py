"""The two-call contract on the real server: exact bodies, who may, and what is refused."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from accounts.models import WhitelistedUser
from bingproject.sandbox.server import SandboxServer
from chat.models import Conversation
from tests.chat.turns import play, seen, turns
from tests.factories import make_account, make_key, make_user

pytestmark = pytest.mark.django_db(transaction=True)
FORBIDDEN = {
    "error": {
        "message": "You are not allowed to use this feature.",
        "type": "auth_error",
        "param": None,
        "code": "not_whitelisted",
    }
}
NOT_FOUND = {
    "error": {
        "message": "Conversation not found. Create a new one.",
        "type": "invalid_request_error",
        "param": None,
        "code": "not_found",
    }
}


@pytest.fixture
def user(hub: SandboxServer) -> WhitelistedUser:
    """A whitelisted user, and an account to serve them."""
    make_account("alice")
    return make_user("u1")


def opened(http: httpx.Client, user_id: str = "u1") -> dict[str, Any]:
    """A conversation."""
    answer = http.post("/create_conversation", json={"userId": user_id})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def asked(http: httpx.Client, conversation: dict[str, Any], prompt: str = "hello", **fields: Any) -> httpx.Response:
    """One turn of it."""
    return http.post("/chatgpt", json={**conversation, "prompt": prompt, **fields})


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error object, the status as expected."""
    assert answer.status_code == status, answer.text
    return dict(answer.json()["error"])


def test_two_calls(http: httpx.Client, hub: SandboxServer, user: WhitelistedUser) -> None:
    """The exact bodies; the next turn goes on in the same conversation."""
    conversation = opened(http)
    assert set(conversation) == {"conversationId", "clientId", "conversationSignature", "invocationId"}
    assert conversation["invocationId"] == 0
    assert str(uuid.UUID(conversation["conversationId"])) == conversation["conversationId"]
    for number in (1, 2):
        answer = asked(http, conversation, invocationId=number - 1)
        assert answer.json() == {
            "message": f"You wrote: “hello” That was turn {number}. The sandbox answers, not Bing.",
            "conversationId": conversation["conversationId"],
            "invocationId": number,
        }
    assert seen(hub)["creates"] == 1


def test_forms_are_read_too(http: httpx.Client, user: WhitelistedUser) -> None:
    """Numbers come as digits there."""
    conversation = http.post("/create_conversation", data={"userId": "u1"}).json()
    answer = http.post("/chatgpt", data={**conversation, "prompt": "שלום & “x”", "invocationId": "7"})
    assert answer.json()["invocationId"] == 8
    assert "שלום & “x”" in answer.json()["message"]


def test_the_message_is_never_the_search(http: httpx.Client, user: WhitelistedUser) -> None:
    """Though Bing says first what it looks for."""
    message = asked(http, opened(http), "hello sandbox:search").json()["message"]
    assert message.startswith("You wrote: ")
    assert "Searching" not in message


@pytest.mark.parametrize(
    ("number", "following"), [(0, 1), (5, 6), ("0", 1), ("12", 13), (999_999_999, 1_000_000_000), (None, 0)]
)
def test_the_invocation_id(http: httpx.Client, user: WhitelistedUser, number: Any, following: int) -> None:
    """Any number from 0 up, or digits, in any order; null is none."""
    answer = asked(http, opened(http), invocationId=number)
    assert answer.json()["invocationId"] == following if following else error_of(answer, 400)


def test_the_invocation_id_may_be_missing(http: httpx.Client, user: WhitelistedUser) -> None:
    """Then it is 0."""
    conversation = opened(http)
    del conversation["invocationId"]
    assert asked(http, conversation).json()["invocationId"] == 1


@pytest.mark.parametrize("number", [True, 1.0, -1, "-1", "1.0", "", " 1", "٣", 10**9, "1" * 10, [1]])
def test_a_wrong_invocation_id(http: httpx.Client, hub: SandboxServer, user: WhitelistedUser, number: Any) -> None:
    """400, and nothing is asked."""
    assert error_of(asked(http, opened(http), invocationId=number), 400)["param"] == "invocationId"
    assert turns(hub) == []


@pytest.mark.parametrize("field", ["prompt", "conversationId", "clientId", "conversationSignature"])
@pytest.mark.parametrize("value", [None, "", " ", 7, ["x"]])
def test_a_missing_or_blank_field_is_named(http: httpx.Client, hub: SandboxServer, field: str, value: Any) -> None:
    """400 before anything is looked up."""
    body = {"prompt": "x", "conversationId": "x", "clientId": "x", "conversationSignature": "x", field: value}
    error = error_of(http.post("/chatgpt", json=body), 400)
    assert (error["param"], error["code"]) == (field, "invalid_value")
    assert error["message"] == f"{field} is required and must be a string."


@pytest.mark.parametrize("body", [{}, {"userId": None}, {"userId": ""}, {"userId": 1}])
def test_a_user_must_be_named(http: httpx.Client, hub: SandboxServer, body: dict[str, Any]) -> None:
    """400, also without any account."""
    assert error_of(http.post("/create_conversation", json=body), 400)["param"] == "userId"


def test_who_may_open_one(http: httpx.Client, hub: SandboxServer, user: WhitelistedUser) -> None:
    """Active whitelisted users only; nobody else costs a call to Bing."""
    make_user("u2", is_active=False)
    for user_id in ("u2", "U1", "stranger"):
        answer = http.post("/create_conversation", json={"userId": user_id})
        assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    assert seen(hub)["creates"] == 0
    assert opened(http, " u1 ")


def test_a_user_who_was_removed_asks_no_more(http: httpx.Client, hub: SandboxServer, user: WhitelistedUser) -> None:
    """403 in a conversation they had."""
    conversation = opened(http)
    WhitelistedUser.objects.update(is_active=False)
    answer = asked(http, conversation)
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    assert turns(hub) == []


def test_with_keys_a_user_speaks_for_themselves(http: httpx.Client, user: WhitelistedUser, settings: Settings) -> None:
    """Another's name is 403, also for asking; without a key it is 401."""
    settings.ACCESS = "keys"
    mine, theirs = make_key(user)[1], make_key(make_user("u2"))[1]
    assert error_of(http.post("/create_conversation", json={"userId": "u1"}), 401)["code"] == "invalid_api_key"
    answer = http.post("/create_conversation", json={"userId": "u1"}, headers={"X-API-Key": theirs})
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    conversation = http.post("/create_conversation", json={"userId": "u1"}, headers={"X-API-Key": mine}).json()
    body = {**conversation, "prompt": "hello"}
    assert error_of(http.post("/chatgpt", json=body), 401)["code"] == "invalid_api_key"
    assert http.post("/chatgpt", json=body, headers={"X-API-Key": theirs}).json() == FORBIDDEN
    assert http.post("/chatgpt", json=body, headers={"X-API-Key": mine}).status_code == 200


def test_what_was_not_opened_here_is_not_found(http: httpx.Client, hub: SandboxServer, user: WhitelistedUser) -> None:
    """An unknown id, another conversation's strings, a conversation of another contract."""
    first, second = opened(http), opened(http)
    token = http.post("/create").json()["conversation_id"]
    strange = [
        {"conversationId": str(uuid.uuid4())},
        {"conversationId": "x"},
        {"conversationId": first["conversationId"]},
        {"clientId": first["clientId"]},
        {"conversationSignature": first["conversationSignature"]},
        {"conversationSignature": token},
        {"conversationId": token.partition(".")[0], "conversationSignature": token},
    ]
    for change in strange:
        answer = asked(http, second | change)
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
        assert answer.headers["x-should-retry"] == "false"
    assert turns(hub) == []


@pytest.mark.parametrize("scenario", ["disengaged", "disengaged-after", "apology", "apology-after-new"])
def test_a_refusal_is_422(http: httpx.Client, user: WhitelistedUser, scenario: str) -> None:
    """Also when Bing takes back what it said."""
    error = error_of(asked(http, opened(http), f"hello sandbox:{scenario}"), 422)
    assert (error["type"], error["code"]) == ("prompt_rejected_error", "blocked")


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("throttled", 429, "throttled"),
        ("captcha", 503, "challenge_required"),
        ("signature-not-set", 503, "cookie_expired"),
        ("cut-after", 502, "upstream_interrupted"),
        ("silent", 504, "timeout"),
    ],
)
def test_upstream_faults(http: httpx.Client, user: WhitelistedUser, scenario: str, status: int, code: str) -> None:
    """As on OpenAI's routes: an account's fault is never the caller's 401."""
    error = error_of(asked(http, opened(http), f"hello sandbox:{scenario}"), status)
    assert (error["type"], error["code"]) == ("rate_limit_error" if status == 429 else "api_error", code)


def test_a_conversation_that_could_not_be_opened(http: httpx.Client, hub: SandboxServer, user: WhitelistedUser) -> None:
    """The error itself, and nothing is kept."""
    play(hub, "create-404")
    assert error_of(http.post("/create_conversation", json={"userId": "u1"}), 503)["code"] == "upstream_overloaded"
    assert not Conversation.objects.exists()
