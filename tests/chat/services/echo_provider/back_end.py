"""The back end of the echo, for accounts of a kind that exists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from accounts.microsoft.services import CheckContext, Finding
from accounts.models import Account, Capability, CheckState
from bingproject.errors import ServiceError, UpstreamUnavailableError
from chat import client
from chat.protocol.events import Prompt
from chat.protocol.failures import ErrorFactory
from chat.protocol.model_spec import ChatModelSpec, single_route_model
from chat.services.backends.backend import Ask, TurnAttempt, timers
from tests.chat.services.echo_provider.dialect import Echo


class EchoBackEnd:
    """See `Backend`."""

    name, shown, capability, errors = "echo", "echo", str(Capability.CHAT), ErrorFactory("Echo")
    limit_characters = 1000
    is_one_text = True
    can_stay_offline = True
    max_turns = conversation_seconds = math.inf

    def __init__(self, url: str) -> None:
        self.url = url

    def check(self, prompt: Prompt) -> None:
        """It takes everything."""

    def extra_models(self) -> tuple[ChatModelSpec, ...]:
        """The one that repeats."""
        return (single_route_model("echo", "Repeats the question", "echo", "plain"),)

    async def check_account(self, context: CheckContext, ask: Ask) -> Finding:
        """A question proves it."""
        return (
            await ask(context) if context.may_open else Finding(CheckState.UNKNOWN, "Cannot tell without a question.")
        )

    async def open_session(self, account: Account) -> dict[str, str]:
        """It keeps none."""
        return {}

    async def upload(self, account: Account, prompt: Prompt, credentials: dict[str, str]) -> tuple[Any, ...]:
        """It has no pictures."""
        return ()

    def new_dialect(self, asked: TurnAttempt) -> Echo:
        """One question, one answer."""
        return Echo(asked.prompt)

    async def address(self, account: Account, credentials: dict[str, str]) -> client.Address:
        """The same for everybody."""
        return client.Address(self.url, {}, "", "")

    def timers(self) -> client.Timers:
        """The usual ones."""
        return timers(5.0)

    def refusal(self, status: int, headers: Mapping[str, str], body: str) -> ServiceError:
        """Its stand-in refuses nothing."""
        return UpstreamUnavailableError()

    async def renew(self, account: Account) -> bool:
        """There are no other credentials."""
        return False

    def may_repeat(self, error: ServiceError, *, is_heard: bool) -> bool:
        """Never."""
        return False
