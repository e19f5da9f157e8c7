"""The OpenAPI descriptions of the chat routes. Not used while a request is served.

The body of `chat/completions` is written out, because its parser is not a serializer.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from bingproject.api.contracts import OPENAI, TWO_CALL
from bingproject.api.openapi import (
    ANSWER_HEADERS,
    ANYWHERE,
    EXAMPLE_USER,
    WITH_KEY,
    documented,
    header,
    json_or_form,
    responses,
    schema_of,
)
from chat.api.answers import OpenedConversation, TwoCallAnswer, TwoCallConversation
from chat.api.serializers import (
    MODEL_SCHEMA,
    TEXT_PATTERN,
    AskSerializer,
    CreateConversationSerializer,
    OpenConversationSerializer,
)
from chat.openai_format import MAX_CHOICES, MAX_STOPS
from chat.openai_format.answers import ChatCompletion, ModelCard, ModelList

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


# --- the body of chat/completions ---


def optional(description: dict[str, Any]) -> dict[str, Any]:
    """Describe a field that may also be null, which counts as missing."""
    return {"anyOf": [description, {"type": "null"}]}


def number(**limits: float) -> dict[str, Any]:
    """Describe a number that is checked and has no effect."""
    return optional({"type": "number", "description": "No effect.", **limits})


def inert(kind: str, **more: Any) -> dict[str, Any]:
    """Describe a field whose type is checked and that has no effect."""
    return optional({"type": kind, "description": "No effect.", **more})


TEXT = {"type": "string", "minLength": 1, "pattern": TEXT_PATTERN}
TEXT_PART = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"type": "string", "enum": ["text"]}, "text": TEXT},
}
_BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)"
IMAGE_PATTERN = rf"^(?:https?://[^\u0000\s]+|data:image/[a-z0-9.+-]{{1,40}};base64,{_BASE64})$"
IMAGE_URL = {
    "type": "string",
    "pattern": IMAGE_PATTERN,
    "description": "A data URL in base64. Bing alone takes an address too, which it fetches itself.",
}
IMAGE_PART = {
    "type": "object",
    "required": ["type", "image_url"],
    "properties": {
        "type": {"type": "string", "enum": ["image_url"]},
        "image_url": {
            "anyOf": [
                IMAGE_URL,
                {"type": "object", "required": ["url"], "properties": {"url": IMAGE_URL, "detail": inert("string")}},
            ]
        },
    },
}
PARTS = {"type": "array", "minItems": 1, "items": TEXT_PART}


def message(*roles: str, content: dict[str, Any]) -> dict[str, Any]:
    """Describe a message of one of these roles."""
    return {
        "type": "object",
        "required": ["role", "content"],
        "properties": {"role": {"type": "string", "enum": list(roles)}, "content": content, "name": inert("string")},
    }


WORDS = {"anyOf": [TEXT, PARTS]}
USER_CONTENT = {"anyOf": [TEXT, {"type": "array", "minItems": 1, "items": {"anyOf": [TEXT_PART, IMAGE_PART]}}]}
WHOLE_NUMBER = {"type": "integer", "minimum": 1}
TOKENS = {"anyOf": [WHOLE_NUMBER, {"type": "integer", "enum": [-1], "description": "No limit."}]}
CHOICE_WORD = {"type": "string", "enum": ["auto", "none"]}
TOOL_CHOICE = {
    "anyOf": [CHOICE_WORD, {"type": "object", "required": ["type"], "properties": {"type": CHOICE_WORD}}],
}
# Also accepted (docs/contracts.md): other types of parts in old messages, and null as an assistant's content.
COMPLETION_BODY = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "model": optional(MODEL_SCHEMA),
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
        "stop": optional({"anyOf": [TEXT, {"type": "array", "maxItems": MAX_STOPS, "items": TEXT}]}),
        "max_tokens": optional(TOKENS),
        "max_completion_tokens": optional(TOKENS),
        "inline_extras": optional({"type": "boolean", "description": "Sources and suggestions as text too."}),
        "conversation_id": optional({"type": "string", "pattern": TEXT_PATTERN, "description": "From `POST create`."}),
        "response_format": optional(
            {
                "anyOf": [
                    {
                        "type": "object",
                        "required": ["type"],
                        "properties": {"type": {"type": "string", "enum": ["text"]}},
                    },
                    {"type": "object", "maxProperties": 0},
                ]
            }
        ),
        "tool_choice": optional(TOOL_CHOICE),
        "function_call": optional(TOOL_CHOICE),
        "modalities": optional({"type": "array", "items": {"type": "string", "enum": ["text", "image"]}}),
        "logprobs": inert("boolean"),
        "temperature": number(minimum=0),
        "top_p": number(minimum=0, maximum=1),
        "presence_penalty": number(minimum=-2, maximum=2),
        "frequency_penalty": number(minimum=-2, maximum=2),
        "top_logprobs": inert("integer", minimum=0, maximum=20),
        "seed": inert("integer"),
        "logit_bias": {
            "anyOf": [
                inert("object", additionalProperties={"type": "number", "minimum": -100, "maximum": 100}),
                {"type": "array", "maxItems": 0},
            ]
        },
        "metadata": inert("object"),
        "prediction": inert("object"),
        "web_search_options": inert("object"),
        "user": {"anyOf": [inert("string"), {"type": "integer"}]},
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
    example={"model": "balanced", "messages": [{"role": "user", "content": "What is a fox?"}]},
    responses=responses(OPENAI, (*ANYWHERE, *WITH_KEY, *COMPLETING))
    | {(200, "application/json"): schema_of(ChatCompletion), (200, "text/event-stream"): str},
)
OPEN_CONVERSATION = documented(
    "Open a conversation",
    operation_id="openConversation",
    tags=["OpenAI"],
    parameters=HEADERS,
    request=OpenConversationSerializer,
    example={"model": "balanced"},
    responses=responses(OPENAI, (*ANYWHERE, *WITH_KEY, *OPENING, "model_not_found"), _200=OpenedConversation),
)
CREATE_CONVERSATION = documented(
    "Open a conversation for a whitelisted user",
    operation_id="createConversation",
    tags=["two calls"],
    parameters=HEADERS,
    request=json_or_form(CreateConversationSerializer),
    example={"userId": EXAMPLE_USER},
    responses=responses(TWO_CALL, (*ANYWHERE, *WITH_KEY, *OPENING), _200=TwoCallConversation),
)
ASK = documented(
    "Ask in a conversation",
    operation_id="ask",
    tags=["two calls"],
    parameters=HEADERS,
    request=json_or_form(AskSerializer),
    # The values must be those of the caller's own conversation: documentation.js puts them in place of these names.
    example={"prompt": "What is a fox?"}
    | {name: f"createConversation.{name}" for name in ("conversationId", "clientId", "conversationSignature")}
    | {"invocationId": 0},
    responses=responses(TWO_CALL, (*ANYWHERE, *WITH_KEY, *ASKING, "blocked"), _200=TwoCallAnswer),
)
