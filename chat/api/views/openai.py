"""OpenAI's chat routes: models, completions whole and streamed, and conversations opened by name."""

from __future__ import annotations

import uuid
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request

from bingproject import request_id
from bingproject.api import ContractViewSet, error_body, json_response
from bingproject.contracts import OPENAI
from bingproject.errors import InvalidRequestError
from chat import schema
from chat.models import Origin
from chat.openai_format import ChatRequest, Choice, Stream, completion, model_card, model_list, parse_request
from chat.protocol.events import HistoryDropped, Prompt, ServedBy
from chat.serializers import OpenConversationSerializer, show_opened
from chat.services import (
    TurnRequest,
    find_conversation,
    find_model,
    leave_spare,
    listed_models,
    served_by,
    start_conversation,
    stream_reply,
)
from chat.views.relay import EventStream, Relay
from chat.views.shared import AskingViewSet, allowance_of, caller_of, holder_of


class ModelViewSet(ContractViewSet):
    """The models that may be asked."""

    contract = OPENAI

    @schema.LIST_MODELS
    def browse(self, request: Request) -> HttpResponse:
        """Those that can be served, and the styles in any case."""
        models = listed_models(timezone.now())
        return json_response(model_list((spec.id, spec.description) for spec in models))

    @schema.GET_MODEL
    def retrieve(self, request: Request, model_id: str) -> HttpResponse:
        """One, in any letter case."""
        spec = find_model(model_id)
        return json_response(model_card(spec.id, spec.description))


class OpenConversationViewSet(AskingViewSet):
    """`POST create`: a conversation to name in later requests."""

    contract = OPENAI
    route = "create"

    def read(self, request: Request) -> None:
        """Which model it is to be held with."""
        self.body = OpenConversationSerializer(data=request.data)
        self.body.is_valid(raise_exception=True)

    @schema.OPEN_CONVERSATION
    async def create(self, request: Request) -> HttpResponse:
        """Open a conversation with Bing; `chat/completions` takes it as `conversation_id`."""

        async def produce() -> dict[str, Any]:
            caller = caller_of(request)
            allowance = allowance_of(caller.user)
            opened = await start_conversation(caller.holder, self.body.spec, Origin.CREATED, allowance=allowance)
            self.served_by = served_by(opened)
            return show_opened(opened)

        return await self.answer(request, produce)


class ChatCompletionViewSet(AskingViewSet):
    """`POST chat/completions`."""

    contract = OPENAI
    route = "chat/completions"

    def read(self, request: Request) -> None:
        """The whole request, before any account is looked at."""
        body: Any = request.data
        self.asked = parse_request(body)
        spec = find_model(self.asked.model)
        if self.asked.is_stream and self.key is not None:
            message = "A stream cannot be kept. Leave out the Idempotency-Key, or ask without stream."
            raise InvalidRequestError(message, param="Idempotency-Key")
        turn = TurnRequest(
            holder_of(request),
            spec,
            self.asked.prompt,
            is_streamed=self.asked.is_stream,
            is_thinking=self.asked.wants_thinking,
            wants_suggestions=self.asked.wants_suggestions,
            request_id=request_id.current.get(),
            allowance=allowance_of(caller_of(request).user, self.asked.choice_count),
        )
        self.turn = name_conversation(turn, self.asked) if self.asked.conversation_id else turn
        self.dropped_turns = 0

    @schema.CREATE_COMPLETION
    async def create(self, request: Request) -> HttpResponseBase:
        """Answer the newest message; streamed or whole."""
        if not self.asked.is_stream:
            return await self.answer(request, self.gather)
        response = await self.stream()
        for name, value in self.notes().items():
            response.headers[name] = value
        return response

    def notes(self) -> dict[str, str]:
        """What the caller should know and no body has a place for."""
        unmet = self.served_by.ignored if self.served_by else ()
        given = [name for name in self.asked.ignored if name != "reasoning_effort" or not self.turn.model.can_think]
        ignored = {"x-bing-ignored": ", ".join((*given, *unmet))} if given or unmet else {}
        dropped = {"x-bing-history-dropped": str(self.dropped_turns)} if self.dropped_turns else {}
        return super().notes() | ignored | dropped

    @property
    def has_inline_extras(self) -> bool:
        """Whether sources and suggestions are shown as text too."""
        asked = self.asked.inline_extras
        return bool(settings.CHAT_INLINE_EXTRAS) if asked is None else asked

    async def gather(self) -> dict[str, Any]:
        """A whole answer: its choices one after the other."""
        try:
            choices = [await self.choose(index) for index in range(self.asked.choice_count)]
        finally:
            await leave_spare(self.turn.allowance)
        return completion(*stamp(), self.asked.model, choices, self.asked.prompt)

    async def choose(self, index: int) -> Choice:
        """One choice; what comes after its cut is not waited for."""
        choice = Choice(index, self.asked.cut, inline_extras=self.has_inline_extras)
        turn = replace(self.turn, cut_answer=choice.cut_answer, told_answer=choice.told_answer)
        async with aclosing(stream_reply(turn)) as events:
            async for event in events:
                choice.add(event)
                if isinstance(event, HistoryDropped):
                    self.dropped_turns = event.turns
                elif isinstance(event, ServedBy):
                    self.served_by = event
                if choice.is_full:
                    break
        return choice

    async def stream(self) -> EventStream:
        """The answer as it comes, the status held back until there is something to say."""
        stream = Stream(
            *stamp(),
            self.asked.model,
            prompt=self.asked.prompt,
            cut=self.asked.cut,
            inline_extras=self.has_inline_extras,
            include_usage=self.asked.include_usage,
        )
        turn = replace(self.turn, cut_answer=stream.cut_answer, told_answer=stream.told_answer)
        relay = Relay(stream_reply(turn), stream, self.report, quiet_seconds=settings.CHAT_QUIET_SECONDS)
        await relay.begin(settings.CHAT_HOLD_SECONDS)
        self.dropped_turns, self.served_by = relay.dropped_turns, relay.served_by
        return EventStream(relay)

    def report(self, failure: Exception) -> dict[str, Any]:
        """The body of a failure that comes after the status."""
        return error_body(failure, self.contract)


def name_conversation(turn: TurnRequest, asked: ChatRequest) -> TurnRequest:
    """The turn in the conversation that the caller names: only the last message goes there.

    Raises: NotFoundError, InvalidRequestError when the last message is blank.
    """
    prompt = asked.prompt
    if not (prompt.newest.strip() or prompt.images):
        raise InvalidRequestError("The last message must not be blank.", param="messages")
    conversation = find_conversation(asked.conversation_id, turn.holder)
    newest = Prompt(prompt.system, (), prompt.newest, prompt.images)
    return replace(turn, prompt=newest, origin=Origin.CREATED, conversation=conversation)


def stamp() -> tuple[str, int]:
    """A new completion's id, and its moment in Unix seconds."""
    return f"chatcmpl-{uuid.uuid4().hex}", int(timezone.now().timestamp())
