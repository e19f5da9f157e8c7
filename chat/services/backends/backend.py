"""What a turn needs of a back end, whichever it is: the one seam between the services and the dialects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings

from accounts.models import Account
from bingproject.errors import ServiceError
from chat import client
from chat.protocol.catalogue import ModelSpec, Route
from chat.protocol.events import Dialect, Prompt
from chat.protocol.failures import BackEnd as Voice

CALL_SECONDS, OPEN_SECONDS = 15.0, 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One attempt at a turn.

    Shape: `turn` counts from 0 within the upstream conversation; `attachments` are what `upload` gave.
    """

    model: ModelSpec
    route: Route
    prompt: Prompt
    credentials: dict[str, str]
    turn: int
    attachments: tuple[Any, ...] = ()
    is_thinking: bool = False
    wants_suggestions: bool = True

    @property
    def manner(self) -> str:
        """The mode or tone to ask in."""
        return self.route.thinking if self.is_thinking and self.route.thinking else self.route.manner


class Backend(Protocol):
    """One chat service of Microsoft's.

    Shape: `shown` is its name to callers; `is_one_text`: system prompt and history go out within the question;
    `can_stay_offline`: it takes a wish not to search. Units: `conversation_seconds`, how long an upstream conversation
    lives.
    """

    name: str
    shown: str
    capability: str
    voice: Voice
    limit_characters: int
    is_one_text: bool
    can_stay_offline: bool
    max_turns: float
    conversation_seconds: float

    def check(self, prompt: Prompt) -> None:
        """Refuse what it cannot take, before anything is spent. Raises: InvalidRequestError."""

    async def open_session(self, account: Account) -> dict[str, str]:
        """Open an upstream conversation as this account; what it is spoken to with. Raises: ServiceError."""

    async def upload(self, account: Account, prompt: Prompt, credentials: dict[str, str]) -> tuple[Any, ...]:
        """Hand over the prompt's pictures. Raises: InvalidRequestError (`image_rejected`), any ServiceError."""

    def reply(self, asked: Asked) -> Dialect:
        """The dialect that holds the turn."""

    async def address(self, account: Account, credentials: dict[str, str]) -> client.Address:
        """Where the turn is held, and as whom. Raises: CookieExpiredError when no token is to be had."""

    def timers(self) -> client.Timers:
        """How long it may be quiet."""

    def refusal(self, status: int, headers: Mapping[str, str], body: str) -> ServiceError:
        """What a refused socket means."""

    async def renew(self, account: Account) -> bool:
        """Whether the account has other credentials now than those that were just refused."""

    def may_repeat(self, error: ServiceError, *, is_heard: bool) -> bool:
        """Whether the same account may be asked once more; `is_heard`: the question has arrived."""


def timers(handshake_seconds: float) -> client.Timers:
    """The timers of a turn, from the settings."""
    return client.Timers(
        opening=at_most(OPEN_SECONDS),
        handshake=at_most(handshake_seconds),
        waiting=settings.CHAT_FIRST_RECORD_SECONDS,
        answering=settings.CHAT_GAP_SECONDS,
        turn=settings.CHAT_TURN_SECONDS,
    )


def at_most(seconds: float) -> float:
    """What is one exchange over HTTP keeps to the limit of all of them."""
    return min(seconds, settings.UPSTREAM_TIMEOUT_SECONDS)
