"""The two-call contract: open a conversation, then ask in it."""

from __future__ import annotations

import uuid
from contextlib import aclosing
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request

from accounts.callers.authentication import caller_of
from accounts.callers.limits import Allowance
from accounts.models import WhitelistedUser
from bingproject.api.contracts import TWO_CALL
from bingproject.errors import PromptRejectedError
from bingproject.security import request_id
from chat.api import openapi
from chat.api.answers import TwoCallAnswer, TwoCallConversation
from chat.api.serializers import AskSerializer, CreateConversationSerializer, show_two_call
from chat.api.turn_facts import TurnFacts
from chat.api.views.shared import Asked, AskingViewSet, Opening, OpeningViewSet, allowance_of
from chat.models import Conversation, Origin
from chat.openai_format import Choice
from chat.protocol.events import Prompt, Refused
from chat.services import (
    CompletedAnswer,
    TurnRequest,
    check_whitelisted,
    find_model,
    find_two_call,
    stream_turn,
    two_call_caller_id,
    two_call_model,
)


class CreateConversationViewSet(OpeningViewSet):
    """`POST /create_conversation`."""

    contract = TWO_CALL
    route = "create_conversation"

    @openapi.CREATE_CONVERSATION
    def create(self, request: Request) -> Opening:
        """Open a conversation with Bing for a whitelisted user."""
        key = self.idempotent_request(request)
        body = CreateConversationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = check_whitelisted(body.user_id, own_user(request), timezone.now())
        caller_id = two_call_caller_id(user.user_id)
        return Opening(key, caller_id, two_call_model(), Origin.TWO_CALL, user.user_id, allowance_of(user))

    def show(self, opened: Conversation) -> TwoCallConversation:
        """Return the strings that `POST /chatgpt` needs."""
        return show_two_call(opened)


@dataclass(frozen=True, slots=True)
class AskedQuestion(Asked):
    """A question in an open conversation; `invocation_id` is its number there."""

    turn: TurnRequest
    conversation_id: uuid.UUID
    invocation_id: int


class AskViewSet(AskingViewSet[AskedQuestion]):
    """`POST /chatgpt`."""

    contract = TWO_CALL
    route = "chatgpt"

    @openapi.ASK
    def create(self, request: Request) -> AskedQuestion:
        """Ask; turns of one conversation wait for each other.

        In the example, `createConversation.…` stands for a value of that call's answer. This page puts it in: of the
        last conversation that was opened here, or of one that it opens for the user of `createConversation`'s example.
        """
        key = self.idempotent_request(request)
        body = AskSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        names = (asked["conversationId"], asked["clientId"], asked["conversationSignature"])
        conversation = find_two_call(*names)
        user = check_whitelisted(conversation.user_id, own_user(request), timezone.now())
        turn = turn_in(conversation, asked["prompt"], allowance_of(user))
        return AskedQuestion(key, turn, conversation.pk, asked["invocationId"])

    async def produce(self, prepared: AskedQuestion) -> CompletedAnswer:
        """Return the whole answer.

        Raises: PromptRejectedError `blocked` when Bing declines, or takes its answer back.
        """
        answer, facts, is_refused = Choice(), TurnFacts(), False
        async with aclosing(stream_turn(prepared.turn)) as events:
            async for event in events:
                answer.add(event)
                facts.add(event)
                is_refused = is_refused or isinstance(event, Refused)
        if is_refused:
            raise PromptRejectedError(code="blocked")
        following = prepared.invocation_id + 1
        body = TwoCallAnswer(answer.content, prepared.conversation_id, following)
        return CompletedAnswer(200, body, facts.headers())


def turn_in(conversation: Conversation, words: str, allowance: Allowance | None) -> TurnRequest:
    """Return the turn that asks `words` in the conversation, with the model it was opened with."""
    return TurnRequest(
        conversation.caller_id,
        find_model(conversation.model),
        Prompt("", (), words),
        Origin.TWO_CALL,
        conversation,
        wants_suggestions=False,
        request_id=request_id.current.get(),
        allowance=allowance,
    )


def own_user(request: Request) -> WhitelistedUser | None:
    """Return the only user that this caller may name, None if the whitelist alone decides."""
    return caller_of(request).user if settings.ACCESS == "keys" else None
