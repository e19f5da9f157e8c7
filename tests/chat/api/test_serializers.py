"""Bodies of the chat routes, field by field, and what is shown of a conversation."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from msgspec import to_builtins
from rest_framework import serializers

from bingproject.errors import NotFoundError
from chat.api.serializers import (
    AskSerializer,
    CreateConversationSerializer,
    OpenConversationSerializer,
    show_opened,
    show_two_call,
)
from chat.models import Conversation

ASKED = {"prompt": " hi ", "conversationId": "a", "clientId": "b", "conversationSignature": "c"}


def fault(body: serializers.Serializer[Any]) -> dict[str, str]:
    """Field → message of what is refused."""
    assert not body.is_valid()
    return {name: str(messages[0]) for name, messages in body.errors.items()}


@pytest.mark.parametrize(
    ("given", "model"), [({}, "precise"), ({"model": None}, "precise"), ({"model": " Creative "}, "creative")]
)
def test_which_model_a_conversation_is_opened_with(given: dict[str, Any], model: str) -> None:
    """None is the default one; letter case does not matter."""
    body = OpenConversationSerializer(data=given)
    assert body.is_valid()
    assert body.spec.id == model


@pytest.mark.parametrize("model", [7, True, "", " ", ["precise"]])
def test_a_model_is_a_name(model: Any) -> None:
    """Anything else is at fault; a name that is on no list is not found."""
    assert fault(OpenConversationSerializer(data={"model": model})) == {"model": "model must be a string."}
    with pytest.raises(NotFoundError):
        OpenConversationSerializer(data={"model": "gpt-4"}).is_valid()


def test_words_are_kept_as_they_came() -> None:
    """White space too; the number of the turn is 0 when it is missing."""
    body = AskSerializer(data={**ASKED, "more": 1})
    assert body.is_valid()
    assert body.validated_data == {**ASKED, "invocationId": 0}


def test_a_user_id_is_trimmed() -> None:
    """As it was when the user was let in."""
    body = CreateConversationSerializer(data={"userId": " u1 "})
    assert body.is_valid()
    assert body.user_id == "u1"


@pytest.mark.parametrize("field", list(ASKED))
@pytest.mark.parametrize("value", [None, "", "\t", 7, True, {}])
def test_words_must_say_something(field: str, value: Any) -> None:
    """The message names the field."""
    message = f"{field} is required and must be a string."
    assert fault(AskSerializer(data={**ASKED, field: value})) == {field: message}


def test_what_is_missing_is_named() -> None:
    """All of it."""
    assert set(fault(AskSerializer(data={}))) == set(ASKED)
    assert set(fault(CreateConversationSerializer(data={}))) == {"userId"}


@pytest.mark.parametrize(("given", "number"), [(0, 0), (41, 41), ("0", 0), ("007", 7), (999_999_999, 999_999_999)])
def test_the_number_of_a_turn(given: Any, number: int) -> None:
    """As a number or in digits."""
    body = AskSerializer(data={**ASKED, "invocationId": given})
    assert body.is_valid()
    assert body.validated_data["invocationId"] == number


@pytest.mark.parametrize("given", [-1, 1.0, True, None, "", " 1", "1e3", "²", 10**9, []])
def test_what_is_no_number_of_a_turn(given: Any) -> None:
    """JSON `true` and `1.0` neither."""
    assert "invocationId" in fault(AskSerializer(data={**ASKED, "invocationId": given}))


def test_what_is_shown_of_a_conversation() -> None:
    """Strings of ours only, in each contract's names; different for each conversation."""
    one, two = (Conversation(id=uuid.UUID(int=number), caller_id="open", model="creative") for number in (1, 2))
    opened = to_builtins(show_opened(one))
    assert set(opened) == {"model", "client_id", "conversation_id", "sec_access_token"}
    assert opened["conversation_id"] == opened["sec_access_token"] != show_opened(two).conversation_id
    shown = to_builtins(show_two_call(one))
    assert shown == {
        "conversationId": str(one.pk),
        "clientId": opened["client_id"],
        "conversationSignature": opened["conversation_id"],
        "invocationId": 0,
    }
    assert shown["clientId"] != show_two_call(two).clientId
