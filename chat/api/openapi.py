"""The chat's part of the API's description: what each route takes and answers.

Nothing here runs while a request is served. What `chat/completions` takes is written out: its reader is no serializer.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from bingproject.contracts import OPENAI, TWO_CALL
from bingproject.description import ANSWER_HEADERS, ANYWHERE, WITH_KEY, documented, header, json_or_form, responses
from chat.openai_format import MAX_CHOICES
from chat.serializers import (
    MODEL_SCHEMA,
    TEXT_PATTERN,
    AskSerializer,
    CreateConversationSerializer,
    OpenConversationSerializer,
)

OPENING = (
    "unsupported_media_type", "idempotency_mismatch", "submit_outcome_unknown", "too_many_running", "throttled",
    "quota_exceeded", "upstream_unreachable", "upstream_protocol_error", "upstream_interrupted",
    "upstream_overloaded", "upstream_refused", "challenge_required", "account_blocked", "cookie_expired",
    "no_account", "timeout",
)  # fmt: skip
ASKING = (*OPENING, "not_found", "conflict", "context_length_exceeded")
COMPLETING = (*ASKING, "model_not_found", "unsupported_parameter", "image_rejected", "image_not_supported")

HEADERS = [
    *ANSWER_HEADERS,
    OpenApiParameter(
        "Idempotency-Key", str, OpenApiParameter.HEADER, pattern="^[ -~]{1,255}$",
        description="Same key and body: the same answer, for 24 h, produced to its end even if the caller leaves.",
    ),
    header("Idempotent-Replayed", "That this answers an earlier request again.", enum=["true"]),
    header("x-bing-served-by", "Which back end answered."),
]  # fmt: skip
COMPLETION_HEADERS = [
    *ANSWER_HEADERS,
    OpenApiParameter(
        "Idempotency-Key", str, OpenApiParameter.HEADER, pattern="^[ -~]{1,255}$",
        description="Without `stream` only. Same key and body: the same answer, for 24 h.",
    ),
    header("Idempotent-Replayed", "That this answers an earlier request again.", enum=["true"]),
    header("x-bing-served-by", "Which back end answered."),
    header("x-bing-ignored", "Fields that were given and have no effect."),
    header("x-bing-history-dropped", "How many of the oldest turns did not fit."),
]  # fmt: skip


# --- answers ---


class ModelCard(serializers.Serializer[Any]):
    """A model."""

    id = serializers.CharField()
    object = serializers.ChoiceField(["model"])
    created = serializers.IntegerField()
    owned_by = serializers.CharField()
    description = serializers.CharField()


class ModelList(serializers.Serializer[Any]):
    """All models."""

    object = serializers.ChoiceField(["list"])
    data = ModelCard(many=True)  # type: ignore[assignment]  # DRF moves fields off the class


class OpenedConversation(serializers.Serializer[Any]):
    """A conversation that is open with Bing."""

    model = serializers.CharField()
    client_id = serializers.CharField()
    conversation_id = serializers.CharField(help_text="For `conversation_id` of chat/completions.")
    sec_access_token = serializers.CharField(help_text="The same once more.")


class UrlCitation(serializers.Serializer[Any]):
    """Where a statement comes from."""

    url = serializers.CharField()
    title = serializers.CharField()
    start_index = serializers.IntegerField(min_value=0)
    end_index = serializers.IntegerField(min_value=0)


class Annotation(serializers.Serializer[Any]):
    """A source of the answer."""

    type = serializers.ChoiceField(["url_citation"])
    url_citation = UrlCitation()


class AnswerMessage(serializers.Serializer[Any]):
    """The answer."""

    role = serializers.ChoiceField(["assistant"])
    content = serializers.CharField()
    refusal = serializers.CharField(allow_null=True)
    annotations = Annotation(many=True)
    suggested_responses = serializers.ListField(child=serializers.CharField())
    reasoning_content = serializers.CharField(required=False)


class CompletionChoice(serializers.Serializer[Any]):
    """One of the answers asked for."""

    index = serializers.IntegerField(min_value=0)
    message = AnswerMessage()
    logprobs = serializers.CharField(allow_null=True)
    finish_reason = serializers.ChoiceField(["stop", "length", "content_filter"])


class Usage(serializers.Serializer[Any]):
    """Tokens, by this server's own estimate."""

    prompt_tokens = serializers.IntegerField(min_value=0)
    completion_tokens = serializers.IntegerField(min_value=0)
    total_tokens = serializers.IntegerField(min_value=0)


class ChatCompletion(serializers.Serializer[Any]):
    """A whole answer."""

    id = serializers.CharField()
    object = serializers.ChoiceField(["chat.completion"])
    created = serializers.IntegerField()
    model = serializers.CharField()
    system_fingerprint = serializers.CharField(allow_null=True)
    choices = CompletionChoice(many=True)
    usage = Usage()


class TwoCallConversation(serializers.Serializer[Any]):
    """What `POST /chatgpt` wants back."""

    conversationId = serializers.UUIDField()  # noqa: N815
    clientId = serializers.CharField()  # noqa: N815
    conversationSignature = serializers.CharField()  # noqa: N815
    invocationId = serializers.IntegerField(min_value=0)  # noqa: N815


class TwoCallAnswer(serializers.Serializer[Any]):
    """An answer and the number of the next turn."""

    message = serializers.CharField()
    conversationId = serializers.UUIDField()  # noqa: N815
    invocationId = serializers.IntegerField(min_value=1)  # noqa: N815


# --- what chat/completions takes ---


def optional(description: dict[str, Any]) -> dict[str, Any]:
    """A field that may also be null, which is as good as missing."""
    return {"anyOf": [description, {"type": "null"}]}


def number(low: float, high: float) -> dict[str, Any]:
    """A field that is checked and has no effect."""
    return optional({"type": "number", "minimum": low, "maximum": high, "description": "No effect."})


def inert(kind: str, **more: Any) -> dict[str, Any]:
    """A field that is checked by its type alone and has no effect."""
    return optional({"type": kind, "description": "No effect.", **more})


TEXT = {"type": "string", "minLength": 1, "pattern": TEXT_PATTERN}
TEXT_PART = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"type": "string", "enum": ["text"]}, "text": TEXT},
}
_BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)"
IMAGE_PATTERN = rf"^(?:https?://[^\u0000\s]+|data:image/[a-z0-9.+-]{{1,40}};base64,{_BASE64})$"
IMAGE_PART = {
    "type": "object",
    "required": ["type", "image_url"],
    "properties": {
        "type": {"type": "string", "enum": ["image_url"]},
        "image_url": {
            "type": "object",
            "required": ["url"],
            "properties": {
                "url": {
                    "type": "string",
                    "pattern": IMAGE_PATTERN,
                    "description": "A data URL in base64. Bing alone takes an address too, which it fetches itself.",
                },
                "detail": inert("string"),
            },
        },
    },
}
PARTS = {"type": "array", "minItems": 1, "items": TEXT_PART}


def message(*roles: str, content: dict[str, Any]) -> dict[str, Any]:
    """A message of one of these roles."""
    return {
        "type": "object",
        "required": ["role", "content"],
        "properties": {"role": {"type": "string", "enum": list(roles)}, "content": content, "name": inert("string")},
    }


WORDS = {"anyOf": [TEXT, PARTS]}
USER_CONTENT = {"anyOf": [TEXT, {"type": "array", "minItems": 1, "items": {"anyOf": [TEXT_PART, IMAGE_PART]}}]}
WHOLE_NUMBER = {"type": "integer", "minimum": 1}
# In which order messages may come no schema can say: the last one must be from user or tool.
COMPLETION_BODY = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        "model": MODEL_SCHEMA,
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "anyOf": [
                    message("user", content=USER_CONTENT),
                    message("system", "developer", "assistant", "tool", "function", content=WORDS),
                ]
            },
            "example": [{"role": "user", "content": "What is a fox?"}],
        },
        "stream": optional({"type": "boolean"}),
        "stream_options": optional({"type": "object", "properties": {"include_usage": optional({"type": "boolean"})}}),
        "n": optional(WHOLE_NUMBER | {"maximum": MAX_CHOICES, "description": "1 with `stream` or `conversation_id`."}),
        "stop": optional({"anyOf": [TEXT, {"type": "array", "maxItems": 4, "items": TEXT}]}),
        "max_tokens": optional(WHOLE_NUMBER),
        "max_completion_tokens": optional(WHOLE_NUMBER),
        "inline_extras": optional({"type": "boolean", "description": "Sources and suggestions as text too."}),
        "conversation_id": optional({"type": "string", "pattern": TEXT_PATTERN, "description": "From `POST create`."}),
        "response_format": optional(
            {"type": "object", "required": ["type"], "properties": {"type": {"type": "string", "enum": ["text"]}}}
        ),
        "tool_choice": optional({"type": "string", "enum": ["auto", "none"]}),
        "function_call": optional({"type": "string", "enum": ["auto", "none"]}),
        "modalities": optional({"type": "array", "items": {"type": "string", "enum": ["text"]}}),
        "logprobs": optional({"type": "boolean", "enum": [False]}),
        "temperature": number(0, 2),
        "top_p": number(0, 1),
        "presence_penalty": number(-2, 2),
        "frequency_penalty": number(-2, 2),
        "top_logprobs": inert("integer", minimum=0, maximum=20),
        "seed": inert("integer"),
        "logit_bias": inert("object", additionalProperties={"type": "number", "minimum": -100, "maximum": 100}),
        "metadata": inert("object"),
        "prediction": inert("object"),
        "web_search_options": inert("object"),
        "user": inert("string"),
        "reasoning_effort": optional(
            {"type": "string", "description": "From `medium` on, models that can reason do; no effect with others."}
        ),
        "suggestions": optional({"type": "boolean", "description": "false: not waited for when they come late."}),
        "service_tier": inert("string"),
        "verbosity": inert("string"),
        "prompt_cache_key": inert("string"),
        "prompt_cache_options": inert("object"),
        "prompt_cache_retention": inert("string"),
        "moderation": inert("object"),
        "safety_identifier": inert("string"),
        "store": inert("boolean"),
        "parallel_tool_calls": inert("boolean"),
        "tools": inert("array", items={"type": "object"}),
        "functions": inert("array", items={"type": "object"}),
    },
}


# --- the routes ---

LIST_MODELS = documented(
    "The models",
    operation_id="listModels",
    tags=["OpenAI"],
    responses=responses(OPENAI, (*ANYWHERE, *WITH_KEY), _200=ModelList),
)
GET_MODEL = documented(
    "A model",
    operation_id="getModel",
    tags=["OpenAI"],
    responses=responses(OPENAI, (*ANYWHERE, *WITH_KEY, "model_not_found"), _200=ModelCard),
)
CREATE_COMPLETION = documented(
    "Answer a chat",
    operation_id="createChatCompletion",
    tags=["OpenAI"],
    parameters=COMPLETION_HEADERS,
    request={"application/json": COMPLETION_BODY},
    responses=responses(OPENAI, (*ANYWHERE, *WITH_KEY, *COMPLETING))
    | {(200, "application/json"): ChatCompletion, (200, "text/event-stream"): str},
)
OPEN_CONVERSATION = documented(
    "Open a conversation",
    operation_id="openConversation",
    tags=["OpenAI"],
    parameters=HEADERS,
    request=OpenConversationSerializer,
    responses=responses(OPENAI, (*ANYWHERE, *WITH_KEY, *OPENING, "model_not_found"), _200=OpenedConversation),
)
CREATE_CONVERSATION = documented(
    "Open a conversation for a whitelisted user",
    operation_id="createConversation",
    tags=["two calls"],
    parameters=HEADERS,
    request=json_or_form(CreateConversationSerializer),
    responses=responses(TWO_CALL, (*ANYWHERE, *WITH_KEY, *OPENING), _200=TwoCallConversation),
)
ASK = documented(
    "Ask in a conversation",
    operation_id="ask",
    tags=["two calls"],
    parameters=HEADERS,
    request=json_or_form(AskSerializer),
    responses=responses(TWO_CALL, (*ANYWHERE, *WITH_KEY, *ASKING, "blocked"), _200=TwoCallAnswer),
)
