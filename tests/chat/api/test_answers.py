"""The small answers of the chat routes as they are sent: names and order of their keys."""

from __future__ import annotations

import uuid

import msgspec

from chat.api.answers import OpenedConversation, TwoCallAnswer, TwoCallConversation

ID = uuid.UUID("4f2c1a52-0000-4000-8000-000000000001")


def test_an_opened_conversation() -> None:
    sent = msgspec.json.encode(OpenedConversation("precise", "c", "t", "t"))
    assert sent == b'{"model":"precise","client_id":"c","conversation_id":"t","sec_access_token":"t"}'


def test_the_two_calls() -> None:
    opened = msgspec.json.encode(TwoCallConversation(ID, "c", "s", 0))
    assert opened == f'{{"conversationId":"{ID}","clientId":"c","conversationSignature":"s","invocationId":0}}'.encode()
    answered = msgspec.json.encode(TwoCallAnswer("Twice.", ID, 1))
    assert answered == f'{{"message":"Twice.","conversationId":"{ID}","invocationId":1}}'.encode()
