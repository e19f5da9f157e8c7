"""Define each JSON object that the OpenAI chat routes answer with, once: for encoding and for `/api/schema/`.

Fields are in the order in which clients receive them. `UNSET` is left out of the JSON, None becomes `null`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Count = Annotated[int, Meta(ge=0)]
FinishReason = Literal["stop", "length", "content_filter"]


class UrlCitation(Struct, frozen=True):
    """Where a statement comes from; the indexes count characters of the content."""

    start_index: Count
    end_index: Count
    title: str
    url: str


class Annotation(Struct, frozen=True):
    """A source of the answer."""

    type: Literal["url_citation"]
    url_citation: UrlCitation


class AnswerMessage(Struct, frozen=True):
    """The answer."""

    role: Literal["assistant"]
    content: str
    refusal: str | None
    annotations: list[Annotation]
    suggested_responses: list[str]
    reasoning_content: str | UnsetType = UNSET


class CompletionChoice(Struct, frozen=True):
    """One of the answers asked for."""

    index: Count
    message: AnswerMessage
    logprobs: str | None
    finish_reason: FinishReason


class Usage(Struct, frozen=True):
    """Tokens, by this server's own estimate."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count


class ChatCompletion(Struct, frozen=True):
    """A whole answer. Units: `created` in Unix seconds."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str | None
    choices: list[CompletionChoice]
    usage: Usage


class ChunkDelta(Struct, frozen=True, omit_defaults=True):
    """What one chunk of a stream adds to the message."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    annotations: list[Annotation] | UnsetType = UNSET
    suggested_responses: list[str] | UnsetType = UNSET


class ModelCard(Struct, frozen=True):
    """A model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    description: str


class ModelList(Struct, frozen=True):
    """All models."""

    object: Literal["list"]
    data: list[ModelCard]
