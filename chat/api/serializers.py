"""Strict serializers of the chat routes' bodies. `chat.openai_format` parses that of `chat/completions`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat.api.answers import OpenedConversation, TwoCallConversation
from chat.models import Conversation
from chat.protocol.catalogue import MODELS
from chat.protocol.model_spec import ChatModelSpec
from chat.services import find_model, sign_conversation, two_call_client_id

DEFAULT_MODEL = "precise"
USER_ID_CHARACTERS = 100
MAX_DIGITS = 9
# At least one visible character, and no U+0000, which PostgreSQL cannot store.
TEXT_PATTERN = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
# Other names are accepted too: settings may add models, and letter case is ignored. `GET /v1/models` lists all.
MODEL_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "enum": list(MODELS)},
        {"type": "string", "minLength": 1, "pattern": TEXT_PATTERN},
    ],
    "example": DEFAULT_MODEL,
}


@extend_schema_field({"type": "string", "minLength": 1, "pattern": TEXT_PATTERN})
class WordsField(serializers.Field[str, Any, str, Any]):
    """A text with a visible character, unchanged."""

    def __init__(self, name: str) -> None:
        missing = f"{name} is required and must be a string."
        messages: dict[str, Any] = {"required": missing, "null": missing, "invalid": missing}
        super().__init__(error_messages=messages)

    def to_internal_value(self, data: Any) -> str:
        """Return the text; refuse other types and blank text."""
        if not isinstance(data, str) or not data.strip():
            self.fail("invalid")
        return data


@extend_schema_field(MODEL_SCHEMA | {"nullable": True})
class ChatModelField(serializers.Field[ChatModelSpec | None, Any, str, Any]):
    """A model of the catalogue; None stands for the default."""

    def __init__(self) -> None:
        super().__init__(
            required=False, allow_null=True, default=None, error_messages={"invalid": "model must be a string."}
        )

    def to_internal_value(self, data: Any) -> ChatModelSpec:
        """Return the model. Raises NotFoundError `model_not_found` for an unknown name."""
        if not isinstance(data, str) or not data.strip():
            self.fail("invalid")
        return find_model(data.strip())


@extend_schema_field(
    {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 10**MAX_DIGITS - 1},
            {"type": "string", "pattern": f"^[0-9]{{1,{MAX_DIGITS}}}$"},
        ],
        "default": 0,
    }
)
class InvocationField(serializers.Field[int, Any, int, Any]):
    """The number of the turn as the caller counts it: a whole number from 0, or its digits."""

    def __init__(self) -> None:
        wrong = f"invocationId must be an integer from 0 up, of at most {MAX_DIGITS} digits."
        super().__init__(required=False, default=0, error_messages={"invalid": wrong, "null": wrong})

    def to_internal_value(self, data: Any) -> int:
        """Return the number; JSON `true` and `1.0` are refused."""
        text = str(data) if type(data) is int or isinstance(data, str) else ""
        if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
            self.fail("invalid")
        return int(text)


class ChatBody(serializers.Serializer[Any]):
    """A body of a chat route."""


class OpenConversationSerializer(ChatBody):
    """The body of `POST create`."""

    model = ChatModelField()

    @property
    def spec(self) -> ChatModelSpec:
        """The requested model. Call `is_valid()` first."""
        found: ChatModelSpec | None = self.validated_data["model"]
        return found or find_model(settings.CHAT_DEFAULT_MODEL)


class CreateConversationSerializer(ChatBody):
    """The body of `POST /create_conversation`."""

    userId = WordsField("userId")  # noqa: N815 - the contract's name

    @property
    def user_id(self) -> str:
        """The user's id. Call `is_valid()` first."""
        return str(self.validated_data["userId"]).strip()


class AskSerializer(ChatBody):
    """The body of `POST /chatgpt`."""

    prompt = WordsField("prompt")
    conversationId = WordsField("conversationId")  # noqa: N815 - the contract's name
    clientId = WordsField("clientId")  # noqa: N815 - the contract's name
    conversationSignature = WordsField("conversationSignature")  # noqa: N815 - the contract's name
    invocationId = InvocationField()  # noqa: N815 - the contract's name


def show_opened(conversation: Conversation) -> OpenedConversation:
    """Return a conversation for OpenAI's clients. Its token has both of the names that the original server used."""
    token = sign_conversation(conversation)
    return OpenedConversation(conversation.model, two_call_client_id(conversation), token, token)


def show_two_call(conversation: Conversation) -> TwoCallConversation:
    """Return a conversation for two-call clients."""
    signature = sign_conversation(conversation)
    return TwoCallConversation(conversation.pk, two_call_client_id(conversation), signature, 0)
