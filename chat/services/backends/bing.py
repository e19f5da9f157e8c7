"""Bing Chat ("Sydney") as a back end: a conversation is created over HTTP with the account's cookies."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts.microsoft import services as account_services
from accounts.microsoft.services import CheckContext, Finding
from accounts.models import Account, Capability, CheckState
from bingproject.errors import (
    AccountError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from bingproject.upstream.connection_pool import current_pool
from bingproject.upstream.http_client import BROWSER_HEADERS, cookie_domain, jar_cookies
from chat import client
from chat.protocol import sydney
from chat.protocol.events import Dialect, Prompt
from chat.protocol.failures import BING_ERRORS
from chat.protocol.model_spec import ChatModelSpec
from chat.protocol.sydney import SydneyCredentials, SydneyImage
from chat.protocol.sydney.models import LIMIT_CHARACTERS
from chat.protocol.transcript import check_newest
from chat.services.backends.backend import CALL_SECONDS, Ask, TurnAttempt, at_most, call, timers

COOLDOWN_SECONDS = 3600.0  # the cooldown when Bing throttles the chat without naming a time


class Bing:
    """Implements `Backend`."""

    name, shown, capability, errors = "bing", "bing-sydney", str(Capability.CHAT), BING_ERRORS
    limit_characters = LIMIT_CHARACTERS
    is_one_text = False
    can_stay_offline = True
    max_turns: float = sydney.MAX_TURNS
    conversation_seconds: float = sydney.CONVERSATION_SECONDS

    def check(self, prompt: Prompt) -> None:
        """Refuse a prompt that is too long, or has too many pictures."""
        check_newest(prompt, self.limit_characters)
        sydney.check_images(prompt)

    def extra_models(self) -> tuple[ChatModelSpec, ...]:
        """Return none."""
        return ()

    async def check_account(self, context: CheckContext, ask: Ask) -> Finding:
        """Check that Bing lists the account's conversations and, if the operator allows it, that it opens one.

        Raises: what `parse_create_response` raises, NotSentError, OutcomeUnknownError.
        """
        if context.may_open:
            return await self._check_opening(context.account)
        request, seconds = sydney.build_list_request(), at_most(CALL_SECONDS)
        answer = await client.call(context.client, settings.BING_URL, request, seconds=seconds)
        count = sydney.parse_list_response(answer.status, answer.headers, answer.text)
        known = f"Bing lists {count} conversation{'' if count == 1 else 's'} of this account."
        return Finding(CheckState.UNKNOWN, f"Cannot tell without opening a conversation. {known}")

    async def _check_opening(self, account: Account) -> Finding:
        try:
            credentials = await self.open_session(account)
        except AccountError as error:
            await sync_to_async(account_services.apply_error)(
                account, Capability.CHAT, error, timezone.now(), cooldown_seconds=error.retry_after or COOLDOWN_SECONDS
            )
            raise
        if sydney.is_anonymous(SydneyCredentials(**credentials)):
            return Finding(CheckState.FAILED, "Bing opened a conversation, but as for somebody who is not signed in.")
        return Finding(CheckState.OK, "Bing opened a conversation.")

    async def open_session(self, account: Account) -> dict[str, str]:
        """Make the create call, and store the cookies that Bing sets."""
        async with current_pool() as pool:
            http = pool.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)
            request = sydney.build_create_request()
            answer = await call(http, settings.BING_URL, request)
            credentials = sydney.parse_create_response(answer.status, answer.headers, answer.text)
            fresh = jar_cookies(http)
        if not fresh.items() <= account.jar.items():
            await sync_to_async(account.add_to_jar)(fresh)
        return dataclasses.asdict(credentials)

    async def upload(self, account: Account, prompt: Prompt, credentials: dict[str, str]) -> tuple[SydneyImage, ...]:
        """Upload the picture; Bing keeps one per message."""
        if not prompt.images:
            return ()
        async with current_pool() as pool:
            http = pool.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)
            request = sydney.build_image_request(prompt.images[0], credentials["conversation_id"])
            answer = await call(http, settings.BING_URL, request)
        return (sydney.parse_image_response(answer.status, answer.headers, answer.text, bing_url=settings.BING_URL),)

    def new_dialect(self, asked: TurnAttempt) -> Dialect:
        """Return a dialect in the model's style."""
        return sydney.SydneyTurn(
            SydneyCredentials(**asked.credentials),
            asked.prompt,
            asked.model,
            turn=asked.turn,
            request_id=str(uuid.uuid4()),
            trace_id=uuid.uuid4().hex,
            image=next(iter(asked.attachments), None),
        )

    async def address(self, account: Account, credentials: dict[str, str]) -> client.Address:
        """Return URL, headers and proxy of a turn's socket. Bing's cookies go along only to Bing's own domain."""
        headers = sydney.SOCKET_HEADERS | {"Accept-Language": BROWSER_HEADERS["accept-language"]}
        if cookie_domain(settings.SYDNEY_URL) == cookie_domain(settings.BING_URL):
            cookies = account.cookies | account.jar
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        url = sydney.build_socket_url(settings.SYDNEY_URL, SydneyCredentials(**credentials))
        return client.Address(url, headers, account.proxy, account.user_agent)

    def timers(self) -> client.Timers:
        """Return the timers of the settings."""
        return timers(sydney.HANDSHAKE_SECONDS)

    def refusal(self, status: int, headers: Mapping[str, str], body: str) -> ServiceError:
        """Judge by the status alone."""
        return sydney.parse_upgrade_refusal(status, headers)

    async def renew(self, account: Account) -> bool:
        """Return False: only an operator can renew cookies."""
        return False

    def may_repeat(self, error: ServiceError, *, is_heard: bool) -> bool:
        """True for errors that may not occur again over a new conversation."""
        if error.code == "upstream_overloaded":
            return False
        return isinstance(error, UnexpectedResponseError | UpstreamRefusedError | UpstreamUnavailableError)
