"""What the routes that ask Bing something share: who asks, and answering once per Idempotency-Key."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.limits import Allowance
from accounts.models import Capability, WhitelistedUser
from accounts.services import Caller
from bingproject.api import AsyncContractViewSet, idempotency_key, json_response
from chat.protocol.events import ServedBy
from chat.services import Answered, KeptKey, answer_once

SERVED_BY = "x-bing-served-by"


class AskingViewSet(AsyncContractViewSet):
    """A route that costs Bing's work, and is paid once per Idempotency-Key."""

    route: ClassVar = ""
    needs: ClassVar = {"create": ("chat",)}
    served_by: ServedBy | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Admit the caller and read what they want: all in one thread hop."""
        super().initial(request, *args, **kwargs)
        if self.action:
            self.key = idempotency_key(request)
            self.read(request)

    @abstractmethod
    def read(self, request: Request) -> None:
        """Check the body, and find what it names."""

    def notes(self) -> dict[str, str]:
        """Headers that go with an answer, known when it is there; they are kept and repeated with it."""
        return {SERVED_BY: self.served_by.name} if self.served_by else {}

    async def answer(self, request: Request, produce: Callable[[], Awaitable[dict[str, Any]]]) -> HttpResponse:
        """What is produced, as JSON; with a key it is produced once, to its end even if the caller leaves."""
        if self.key is None:
            return json_response(await produce(), headers=self.notes())

        async def once() -> Answered:
            return Answered(200, await produce(), self.notes())

        body = json.dumps(request.data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        answered = await answer_once(KeptKey(holder_of(request), self.route, self.key, body), once)
        replayed = {"Idempotent-Replayed": "true"} if answered.is_replayed else {}
        return json_response(answered.body, answered.status, answered.headers | replayed)


def caller_of(request: Request) -> Caller:
    """Who asks."""
    caller: Any = request.user
    assert isinstance(caller, Caller)
    return caller


def allowance_of(user: WhitelistedUser | None, turn_count: int = 1) -> Allowance | None:
    """What a request of so many turns may take of its user's day; None where nobody's is at stake."""
    return None if user is None else Allowance(user, Capability.CHAT, turn_count)


def holder_of(request: Request) -> str:
    """Whose conversations these are."""
    return caller_of(request).holder
