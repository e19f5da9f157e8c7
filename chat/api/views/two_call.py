"""The two-call contract: open a conversation, then ask in it."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from accounts.models import WhitelistedUser
from bingproject import request_id
from bingproject.contracts import TWO_CALL
from bingproject.errors import PromptRejectedError
from chat import schema
from chat.models import Origin
from chat.openai_format import Choice
from chat.protocol.events import Prompt, Refused, ServedBy
from chat.serializers import AskSerializer, CreateConversationSerializer, show_two_call
from chat.services import (
    TurnRequest,
    check_whitelisted,
    find_model,
    find_two_call,
    served_by,
    start_conversation,
    stream_reply,
    two_call_holder,
    two_call_model,
)
from chat.views.shared import AskingViewSet, allowance_of, caller_of


class CreateConversationViewSet(AskingViewSet):
    """`POST /create_conversation`."""

    contract = TWO_CALL
    route = "create_conversation"

    def read(self, request: Request) -> None:
        """Who asks, and whether they may."""
        body = CreateConversationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        self.user = check_whitelisted(body.user_id, own_user(request), timezone.now())

    @schema.CREATE_CONVERSATION
    async def create(self, request: Request) -> HttpResponse:
        """Open a conversation with Bing for a whitelisted user."""

        async def produce() -> dict[str, Any]:
            holder, user_id = two_call_holder(self.user.user_id), self.user.user_id
            model, allowance = two_call_model(), allowance_of(self.user)
            opened = await start_conversation(holder, model, Origin.TWO_CALL, user_id, allowance)
            self.served_by = served_by(opened)
            return show_two_call(opened)

        return await self.answer(request, produce)


class AskViewSet(AskingViewSet):
    """`POST /chatgpt`."""

    contract = TWO_CALL
    route = "chatgpt"

    def read(self, request: Request) -> None:
        """What is asked, in which conversation, and whether its user still may."""
        body = AskSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        names = (asked["conversationId"], asked["clientId"], asked["conversationSignature"])
        conversation = find_two_call(*names)
        self.conversation_id = str(conversation.pk)
        user = check_whitelisted(conversation.user_id, own_user(request), timezone.now())
        self.invocation_id = asked["invocationId"]
        self.turn = TurnRequest(
            conversation.holder,
            find_model(conversation.model),
            Prompt("", (), asked["prompt"]),
            Origin.TWO_CALL,
            conversation,
            wants_suggestions=False,
            request_id=request_id.current.get(),
            allowance=allowance_of(user),
        )

    @schema.ASK
    async def create(self, request: Request) -> HttpResponse:
        """Ask; turns of one conversation wait for each other."""
        return await self.answer(request, self.ask)

    async def ask(self) -> dict[str, Any]:
        """The whole answer.

        Raises: PromptRejectedError `blocked` when Bing declines, or takes its answer back.
        """
        answer, is_refused = Choice(), False
        async with aclosing(stream_reply(self.turn)) as events:
            async for event in events:
                answer.add(event)
                if isinstance(event, ServedBy):
                    self.served_by = event
                is_refused = is_refused or isinstance(event, Refused)
        if is_refused:
            raise PromptRejectedError(code="blocked")
        invocation_id = self.invocation_id + 1
        return {"message": answer.content, "conversationId": self.conversation_id, "invocationId": invocation_id}


def own_user(request: Request) -> WhitelistedUser | None:
    """The only user whom this caller may name; None where the whitelist alone decides."""
    return caller_of(request).user if settings.ACCESS == "keys" else None
