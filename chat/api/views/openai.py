"""OpenAI's chat routes: models, whole and streamed completions, and opening a conversation."""

from __future__ import annotations

import uuid
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request

from accounts.callers.authentication import caller_of
from accounts.callers.services import Caller
from bingproject.api.contracts import OPENAI
from bingproject.api.viewsets import ContractViewSet, error_body, json_response, release_body
from bingproject.errors import InvalidRequestError
from bingproject.security import request_id
from chat.api import openapi
from chat.api.answers import OpenedConversation
from chat.api.serializers import OpenConversationSerializer, show_opened
from chat.api.sse_stream import EventStream, SseStream
from chat.api.turn_facts import TurnFacts
from chat.api.views.shared import Asked, AskingViewSet, Opening, OpeningViewSet, allowance_of
from chat.models import Conversation, Origin
from chat.openai_format import ChatRequest, Choice, Stream, completion, model_card, model_list, parse_request
from chat.protocol.model_spec import ChatModelSpec
from chat.services import (
    CompletedAnswer,
    TurnRequest,
    find_conversation,
    find_model,
    leave_spare,
    listed_models,
    stream_turn,
)

IGNORED = "x-bing-ignored"


class ModelViewSet(ContractViewSet):
    """The list of models."""

    contract = OPENAI

    @openapi.LIST_MODELS
    def browse(self, request: Request) -> HttpResponse:
        """Those that can be served, and the styles in any case."""
        models = listed_models(timezone.now())
        return json_response(model_list((spec.id, spec.description) for spec in models))

    @openapi.GET_MODEL
    def retrieve(self, request: Request, model_id: str) -> HttpResponse:
        """One, in any letter case."""
        spec = find_model(model_id)
        return json_response(model_card(spec.id, spec.description))


class OpenConversationViewSet(OpeningViewSet):
    """`POST create`: open a conversation to name in later requests."""

    contract = OPENAI
    route = "create"

    @openapi.OPEN_CONVERSATION
    def create(self, request: Request) -> Opening:
        """Open a conversation with Bing; `chat/completions` takes it as `conversation_id`."""
        key, caller = self.idempotent_request(request), caller_of(request)
        body = OpenConversationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Opening(key, caller.caller_id, body.spec, Origin.CREATED, allowance=allowance_of(caller.user))

    def show(self, opened: Conversation) -> OpenedConversation:
        """Return the conversation's name, in all the fields that clients look for it in."""
        return show_opened(opened)


@dataclass(frozen=True, slots=True)
class AskedCompletion(Asked):
    """A parsed request for a completion, and the turn of each of its choices."""

    body: ChatRequest
    turn: TurnRequest

    @property
    def has_inline_extras(self) -> bool:
        """True if sources and suggestions are written into the text too."""
        asked = self.body.inline_extras
        return bool(settings.CHAT_INLINE_EXTRAS) if asked is None else asked

    def headers(self, facts: TurnFacts) -> dict[str, str]:
        """Return the headers with the facts of the turn and the fields without effect."""
        unmet = facts.served_by.ignored if facts.served_by else ()
        given = [name for name in self.body.ignored if name != "reasoning_effort" or not self.turn.model.can_think]
        ignored = {IGNORED: ", ".join((*given, *unmet))} if given or unmet else {}
        return facts.headers() | ignored


class ChatCompletionViewSet(AskingViewSet[AskedCompletion]):
    """`POST chat/completions`."""

    contract = OPENAI
    route = "chat/completions"

    @openapi.CREATE_COMPLETION
    def create(self, request: Request) -> AskedCompletion:
        """Answer the newest message, streamed or whole."""
        key = self.idempotent_request(request)
        data: Any = request.data
        refuses_tools = settings.CHAT_TOOLS == "refuse"
        body = parse_request(data, default_model=settings.CHAT_DEFAULT_MODEL, refuses_tools=refuses_tools)
        model = find_model(body.model)
        if body.is_stream and key is not None:
            message = "A stream cannot be kept. Leave out the Idempotency-Key, or ask without stream."
            raise InvalidRequestError(message, param="Idempotency-Key")
        release_body(request)  # `key` keeps the text that repeats are compared with
        return AskedCompletion(key, body, turn_of(caller_of(request), model, body))

    async def respond(self, request: Request, prepared: AskedCompletion) -> HttpResponseBase:
        """Send the answer whole, or as it comes; a stream's status is held back until there is something to say."""
        if not prepared.body.is_stream:
            return await super().respond(request, prepared)
        sse = self.start_sse(prepared)
        await sse.begin(settings.CHAT_HOLD_SECONDS)
        response = EventStream(sse)
        for name, value in prepared.headers(sse.facts).items():
            response.headers[name] = value
        return response

    async def produce(self, prepared: AskedCompletion) -> CompletedAnswer:
        """Return a whole answer; its choices are made one after the other."""
        facts, body = TurnFacts(), prepared.body
        try:
            choices = [await choose(prepared, index, facts) for index in range(body.choice_count)]
        finally:
            await leave_spare(prepared.turn.allowance)
        content = completion(*stamp(), body.model, choices, body.prompt)
        return CompletedAnswer(200, content, prepared.headers(facts))

    def start_sse(self, prepared: AskedCompletion) -> SseStream:
        """Begin the turn of a streamed answer."""
        stream = new_stream(prepared)
        turn = replace(
            prepared.turn, truncated_answer=stream.truncated_answer, canonical_answer=stream.canonical_answer
        )
        return SseStream(
            stream_turn(turn),
            stream,
            partial(error_body, contract=self.contract),  # for a failure after the status is sent
            quiet_seconds=settings.CHAT_QUIET_SECONDS,
            stall_seconds=settings.CHAT_STALL_SECONDS,
        )


async def choose(prepared: AskedCompletion, index: int, facts: TurnFacts) -> Choice:
    """Return one choice and add what its turn tells to `facts`. Stop reading once the choice is full."""
    choice = Choice(index, prepared.body.truncation, inline_extras=prepared.has_inline_extras)
    turn = replace(prepared.turn, truncated_answer=choice.truncated_answer, canonical_answer=choice.canonical_answer)
    async with aclosing(stream_turn(turn)) as events:
        async for event in events:
            choice.add(event)
            facts.add(event)
            if choice.is_full:
                break
    return choice


def new_stream(prepared: AskedCompletion) -> Stream:
    """Return the encoder of a streamed answer."""
    body = prepared.body
    return Stream(
        *stamp(),
        body.model,
        prompt=body.prompt,
        truncation=body.truncation,
        inline_extras=prepared.has_inline_extras,
        include_usage=body.include_usage,
    )


def turn_of(caller: Caller, model: ChatModelSpec, body: ChatRequest) -> TurnRequest:
    """Return the turn that the request asks for.

    Raises: what `name_conversation` raises.
    """
    turn = TurnRequest(
        caller.caller_id,
        model,
        body.prompt,
        is_streamed=body.is_stream,
        is_thinking=body.wants_thinking,
        wants_suggestions=body.wants_suggestions,
        request_id=request_id.current.get(),
        allowance=allowance_of(caller.user, body.choice_count),
    )
    return name_conversation(turn, body) if body.conversation_id else turn


def name_conversation(turn: TurnRequest, body: ChatRequest) -> TurnRequest:
    """Return the turn in the conversation that the caller names; only the newest message is sent there.

    Raises: NotFoundError, InvalidRequestError when the last message is blank.
    """
    if not (body.prompt.newest.strip() or body.prompt.images):
        raise InvalidRequestError("The last message must not be blank.", param="messages")
    conversation = find_conversation(body.conversation_id, turn.caller_id)
    newest = replace(body.prompt, history=())
    return replace(turn, prompt=newest, origin=Origin.CREATED, conversation=conversation)


def stamp() -> tuple[str, int]:
    """Return a new completion's id and its time in Unix seconds."""
    return f"chatcmpl-{uuid.uuid4().hex}", int(timezone.now().timestamp())
