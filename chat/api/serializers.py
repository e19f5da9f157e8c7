"""Bodies of the chat routes, read strictly, and the answers of the small ones.

The body of `chat/completions` is OpenAI's and is read by `chat.openai_format`; here stand the others.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from chat.models import Conversation
from chat.protocol.catalogue import MODELS, ModelSpec
from chat.services import find_model, sign_conversation, two_call_client_id

DEFAULT_MODEL = "precise"
USER_ID_CHARACTERS = 100
MAX_DIGITS = 9
# Something to see, and no U+0000, which no database can carry.
TEXT_PATTERN = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
# Not these alone: M365_TONES names more, and letters may be of any case. `GET /v1/models` lists what there is.
MODEL_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "enum": list(MODELS)},
        {"type": "string", "minLength": 1, "pattern": TEXT_PATTERN},
    ],
    "example": DEFAULT_MODEL,
}


@extend_schema_field({"type": "string", "minLength": 1, "pattern": TEXT_PATTERN})
class WordsField(serializers.Field[str, Any, str, Any]):
    """A text that says something, as it was sent."""

    def __init__(self, name: str) -> None:
        missing = f"{name} is required and must be a string."
        messages: dict[str, Any] = {"required": missing, "null": missing, "invalid": missing}
        super().__init__(error_messages=messages)

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is no text, or says nothing."""
        if not isinstance(data, str) or not data.strip():
            self.fail("invalid")
        return data


@extend_schema_field(MODEL_SCHEMA | {"nullable": True})
class ChatModelField(serializers.Field[ModelSpec | None, Any, str, Any]):
    """A model of the catalogue; none is the default one."""

    def __init__(self) -> None:
        super().__init__(
            required=False, allow_null=True, default=None, error_messages={"invalid": "model must be a string."}
        )

    def to_internal_value(self, data: Any) -> ModelSpec:
        """The model. Raises: NotFoundError `model_not_found` for a name that is on no list."""
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
    """Which turn the caller believes this is: a number from 0 up, or its digits."""

    def __init__(self) -> None:
        wrong = f"invocationId must be an integer from 0 up, of at most {MAX_DIGITS} digits."
        super().__init__(required=False, default=0, error_messages={"invalid": wrong, "null": wrong})

    def to_internal_value(self, data: Any) -> int:
        """The number; JSON `true` and `1.0` are none."""
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
    def spec(self) -> ModelSpec:
        """The model asked for; `is_valid()` comes first."""
        found: ModelSpec | None = self.validated_data["model"]
        return found or find_model(DEFAULT_MODEL)


class CreateConversationSerializer(ChatBody):
    """The body of `POST /create_conversation`."""

    userId = WordsField("userId")  # noqa: N815 - the contract's name

    @property
    def user_id(self) -> str:
        """Who asks; `is_valid()` comes first."""
        return str(self.validated_data["userId"]).strip()


class AskSerializer(ChatBody):
    """The body of `POST /chatgpt`."""

    prompt = WordsField("prompt")
    conversationId = WordsField("conversationId")  # noqa: N815 - the contract's name
    clientId = WordsField("clientId")  # noqa: N815 - the contract's name
    conversationSignature = WordsField("conversationSignature")  # noqa: N815 - the contract's name
    invocationId = InvocationField()  # noqa: N815 - the contract's name


def show_opened(conversation: Conversation) -> dict[str, Any]:
    """A conversation for OpenAI's clients: one token of ours, under both of the names the original server has."""
    token = sign_conversation(conversation)
    return {
        "model": conversation.model,
        "client_id": two_call_client_id(conversation),
        "conversation_id": token,
        "sec_access_token": token,
    }


def show_two_call(conversation: Conversation) -> dict[str, Any]:
    """A conversation for two-call clients."""
    return {
        "conversationId": str(conversation.pk),
        "clientId": two_call_client_id(conversation),
        "conversationSignature": sign_conversation(conversation),
        "invocationId": 0,
    }
