"""Base classes of the chat routes: answer once per Idempotency-Key, and open a conversation."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Generic, TypeVar

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from accounts.callers.authentication import caller_of
from accounts.callers.limits import Allowance
from accounts.models import Capability, WhitelistedUser
from bingproject.api.request_body import canonical_text
from bingproject.api.viewsets import AsyncContractViewSet, idempotency_key, json_response
from bingproject.cluster.web_shutdown import shutdown
from chat.api.turn_facts import TurnFacts
from chat.models import Conversation, Origin
from chat.protocol.model_spec import ChatModelSpec
from chat.services import CompletedAnswer, IdempotentRequest, answer_once, served_by, start_conversation


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request; its answer is stored under `key`, None without an Idempotency-Key."""

    key: IdempotentRequest | None


@dataclass(frozen=True, slots=True)
class Opening(Asked):
    """A conversation to open: its caller, its model, and what it may take of a user's daily quota."""

    caller_id: str
    model: ChatModelSpec
    origin: Origin
    user_id: str = ""
    allowance: Allowance | None = None


A = TypeVar("A", bound=Asked)


class AskingViewSet(AsyncContractViewSet[A], Generic[A]):
    """A route that asks a back end, once per Idempotency-Key."""

    route: ClassVar = ""
    needs: ClassVar = {"create": ("chat",)}

    def idempotent_request(self, request: Request) -> IdempotentRequest | None:
        """Return the identity to store the answer under, None without an Idempotency-Key.

        Raises: InvalidRequestError when the header is malformed.
        """
        key = idempotency_key(request)
        if key is None:
            return None
        return IdempotentRequest(caller_of(request).caller_id, self.route, key, canonical_text(request.data))

    async def respond(self, request: Request, prepared: A) -> HttpResponseBase:
        """Send what `produce` returns, as JSON.

        Raises: StoppingError when this process stops first; what `produce` raises.
        """
        return await shutdown.within_grace(self._answer(prepared))

    async def _answer(self, prepared: A) -> HttpResponse:
        """With a key, produce the answer once, and to its end even if the caller leaves."""
        produce = partial(self.produce, prepared)
        answered = await (produce() if prepared.key is None else answer_once(prepared.key, produce))
        replayed = {"Idempotent-Replayed": "true"} if answered.is_replayed else {}
        return json_response(answered.body, answered.status, answered.headers | replayed)

    @abstractmethod
    async def produce(self, prepared: A) -> CompletedAnswer:
        """Ask the back end and return the whole answer; its headers are stored and repeated with it."""


class OpeningViewSet(AskingViewSet[Opening]):
    """A route that opens a conversation."""

    async def produce(self, prepared: Opening) -> CompletedAnswer:
        """Open the conversation. Raises what `start_conversation` raises."""
        opened = await start_conversation(
            prepared.caller_id, prepared.model, prepared.origin, prepared.user_id, prepared.allowance
        )
        return CompletedAnswer(200, self.show(opened), TurnFacts(served_by(opened)).headers())

    @abstractmethod
    def show(self, opened: Conversation) -> msgspec.Struct:
        """Return the conversation in the form of the route's contract."""


def allowance_of(user: WhitelistedUser | None, turn_count: int = 1) -> Allowance | None:
    """Return the quota of a request of `turn_count` turns, None for callers without a user."""
    return None if user is None else Allowance(user, Capability.CHAT, turn_count)
