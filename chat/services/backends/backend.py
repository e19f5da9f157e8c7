"""The interface of a chat back end: the one seam between the services and the dialects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from django.conf import settings

from accounts.microsoft import services as account_services
from accounts.microsoft.services import CheckContext, Finding
from accounts.models import Account
from bingproject.errors import CookieExpiredError, ServiceError
from bingproject.upstream.http_client import UpstreamResponse
from chat import client
from chat.protocol.events import Dialect, Prompt
from chat.protocol.failures import ErrorFactory
from chat.protocol.model_spec import ChatModelSpec, Route
from chat.protocol.requests import SessionRequest
from chat.services.backends.budget import exchange

Ask = Callable[[CheckContext], Awaitable[Finding]]
ANSWERED = "A question was answered."
CALL_SECONDS, OPEN_SECONDS = 15.0, 10.0


@dataclass(frozen=True, slots=True)
class TurnAttempt:
    """One attempt at a turn.

    `turn` counts from 0 within the upstream conversation; `attachments` are what `upload` returned.
    """

    model: ChatModelSpec
    route: Route
    prompt: Prompt
    credentials: dict[str, str]
    turn: int
    attachments: tuple[Any, ...] = ()
    is_thinking: bool = False
    wants_suggestions: bool = True

    @property
    def mode(self) -> str:
        """The mode or tone to use."""
        return self.route.thinking if self.is_thinking and self.route.thinking else self.route.mode


class Backend(Protocol):
    """One of Microsoft's chat services.

    Attributes:
        shown: Its name to callers.
        is_one_text: True if system prompt and history are part of the question.
        can_stay_offline: True if it can be asked not to search.
        conversation_seconds: How long an upstream conversation lives.
    """

    name: str
    shown: str
    capability: str
    errors: ErrorFactory
    limit_characters: int
    is_one_text: bool
    can_stay_offline: bool
    max_turns: float
    conversation_seconds: float

    def check(self, prompt: Prompt) -> None:
        """Raise InvalidRequestError for a prompt that the back end cannot take, before anything is spent."""

    def extra_models(self) -> Iterable[ChatModelSpec]:
        """Return models that settings add to the catalogue."""

    async def check_account(self, context: CheckContext, ask: Ask) -> Finding:
        """Tell whether the account's chat works, and spend nothing unless `context.may_open`; `ask` asks one question.

        Raises: ServiceError, as the service refuses.
        """

    async def open_session(self, account: Account) -> dict[str, str]:
        """Open an upstream conversation as this account and return its credentials. Raises ServiceError."""

    async def upload(self, account: Account, prompt: Prompt, credentials: dict[str, str]) -> tuple[Any, ...]:
        """Upload the prompt's pictures. Raises InvalidRequestError (`image_rejected`) and any other ServiceError."""

    def new_dialect(self, asked: TurnAttempt) -> Dialect:
        """Return the dialect that runs the turn."""

    async def address(self, account: Account, credentials: dict[str, str]) -> client.Address:
        """Return the socket's address and headers. Raises CookieExpiredError if there is no token."""

    def timers(self) -> client.Timers:
        """Return the timers of the turn."""

    def refusal(self, status: int, headers: Mapping[str, str], body: str) -> ServiceError:
        """Return the error that a refused socket means."""

    async def renew(self, account: Account) -> bool:
        """True if the account has other credentials now than those that were refused."""

    def may_repeat(self, error: ServiceError, *, is_heard: bool) -> bool:
        """True if the same account may be asked again; `is_heard` is True if the question has arrived."""


async def call(http: httpx.AsyncClient, base_url: str, request: SessionRequest, *, number: int = 0) -> UpstreamResponse:
    """Make a call besides the socket, within the time that the turn's earlier calls of its kind have left.

    `number` distinguishes calls of one path that are not repeats, such as uploads of several pictures. Raises what
    `client.call` raises.
    """
    async with exchange(f"{request.path.partition('?')[0]} {number}", at_most(CALL_SECONDS)) as seconds:
        return await client.call(http, base_url, request, seconds=seconds)


async def renew_token(account: Account) -> bool:
    """True if the account has another token now than the one that was refused."""
    refused = account.token
    try:
        return await account_services.fresh_token(account, replacing=refused) != refused
    except CookieExpiredError:
        return False


def timers(handshake_seconds: float) -> client.Timers:
    """Return the timers of a turn from the settings."""
    return client.Timers(
        opening=at_most(OPEN_SECONDS),
        handshake=at_most(handshake_seconds),
        waiting=settings.CHAT_FIRST_RECORD_SECONDS,
        answering=settings.CHAT_GAP_SECONDS,
        turn=settings.CHAT_TURN_SECONDS,
    )


def at_most(seconds: float) -> float:
    """Return the budget that limits exchanges over HTTP."""
    return min(seconds, settings.UPSTREAM_TIMEOUT_SECONDS)
