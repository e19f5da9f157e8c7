"""The consumer Copilot as a back end: a token in the socket's address, cookies for Cloudflare, one turn at a time."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from django.conf import settings

from accounts.microsoft import services as account_services
from accounts.microsoft.services import CheckContext, Finding
from accounts.models import Account, Capability, CheckState
from bingproject.errors import CookieExpiredError, ServiceError, UnexpectedResponseError, UpstreamUnavailableError
from bingproject.upstream.connection_pool import current_pool
from bingproject.upstream.http_client import ConnectionPool, UpstreamResponse, cookie_domain
from chat import client
from chat.protocol import copilot
from chat.protocol.copilot import AUTH_MODES, COPILOT_ERRORS, AuthMode, Identity
from chat.protocol.copilot.models import LIMIT_CHARACTERS
from chat.protocol.events import Dialect, Prompt
from chat.protocol.model_spec import ChatModelSpec
from chat.protocol.pictures import check_pictures
from chat.protocol.requests import SessionRequest
from chat.protocol.transcript import check_newest
from chat.services.backends.backend import CALL_SECONDS, Ask, TurnAttempt, at_most, call, renew_token, timers

Read = TypeVar("Read")
UNKNOWN_HERE = "Copilot does not know the account. The operator must give a new token in the admin."


class Copilot:
    """Implements `Backend`."""

    name, shown, capability, errors = "copilot", "copilot", str(Capability.COPILOT), COPILOT_ERRORS
    limit_characters = LIMIT_CHARACTERS
    is_one_text = True
    can_stay_offline = False
    # No limit of either is known.
    max_turns = conversation_seconds = math.inf

    def __init__(self) -> None:
        # Account → (time of its credentials, the way of signing in that works), once one of the two was refused.
        self._auth_modes: dict[int, tuple[datetime | None, AuthMode]] = {}

    def check(self, prompt: Prompt) -> None:
        """Refuse a prompt that is too long, or a picture of a type that it does not accept."""
        check_newest(prompt, self.limit_characters)
        check_pictures(prompt, copilot.IMAGE_TYPES)

    def extra_models(self) -> tuple[ChatModelSpec, ...]:
        """Return none."""
        return ()

    async def check_account(self, context: CheckContext, ask: Ask) -> Finding:
        """Check that Copilot knows the account, by the one call that costs nothing.

        Raises: CookieExpiredError if it does not; what `parse_user_response` raises, NotSentError,
            OutcomeUnknownError.
        """
        account = context.account
        identity = Identity(account.token, account.identity_type)
        auth_modes: tuple[AuthMode, ...] = ("bearer", "cookies") if account.encrypted_cookies else ("bearer",)
        async with ConnectionPool() as pool:
            http = pool.client(
                account.cookies | account.jar,
                domain=cookie_domain(settings.COPILOT_URL),
                proxy=account.proxy,
                user_agent=account.user_agent,
            )
            for auth_mode in auth_modes:
                request = copilot.build_user_request(identity, auth_mode)
                answer = await client.call(http, settings.COPILOT_URL, request, seconds=at_most(CALL_SECONDS))
                if copilot.parse_user_response(answer.status, answer.headers, answer.text):
                    break
            else:
                raise CookieExpiredError(UNKNOWN_HERE)
        return await ask(context) if context.may_open else Finding(CheckState.OK, "Copilot knows the account.")

    async def open_session(self, account: Account) -> dict[str, str]:
        """Make the create call."""
        conversation_id = await self._call(
            account, copilot.build_conversation_request, copilot.parse_conversation_response
        )
        return {"conversation_id": conversation_id}

    async def upload(self, account: Account, prompt: Prompt, credentials: dict[str, str]) -> tuple[str, ...]:
        """Upload the pictures and return their addresses."""
        urls = []
        for number, image in enumerate(prompt.images):

            def build(identity: Identity, auth_mode: AuthMode, image: object = image) -> SessionRequest:
                return copilot.build_image_request(image, identity, auth_mode)  # type: ignore[arg-type]

            urls.append(await self._call(account, build, copilot.parse_image_response, number=number))
        return tuple(urls)

    def new_dialect(self, asked: TurnAttempt) -> Dialect:
        """Return a dialect in the route's mode."""
        return copilot.CopilotTurn(
            asked.credentials["conversation_id"],
            asked.prompt,
            asked.mode,
            turn=asked.turn,
            image_urls=asked.attachments,
            wants_suggestions=asked.wants_suggestions,
        )

    async def address(self, account: Account, credentials: dict[str, str]) -> client.Address:
        """Return an address with the token in it."""
        identity = await _identity(account)
        url = copilot.build_socket_url(settings.COPILOT_URL, identity, str(uuid.uuid4()))
        headers = copilot.build_socket_headers(account.cookies | account.jar)
        return client.Address(url, headers, account.proxy, account.user_agent)

    def timers(self) -> client.Timers:
        """Return the timers of the settings."""
        return timers(copilot.HANDSHAKE_SECONDS)

    def refusal(self, status: int, headers: Mapping[str, str], body: str) -> ServiceError:
        """Judge by the status and the page, which may name a challenge or the region."""
        return copilot.parse_upgrade_refusal(status, headers, body)

    async def renew(self, account: Account) -> bool:
        """Run the account's token command, if it has one."""
        return await renew_token(account)

    def may_repeat(self, error: ServiceError, *, is_heard: bool) -> bool:
        """False once the question was received, and for errors about the region."""
        is_passing = isinstance(error, UnexpectedResponseError | UpstreamUnavailableError)
        return is_passing and not is_heard and error.code != "upstream_overloaded"

    async def _call(
        self,
        account: Account,
        build: Callable[[Identity, AuthMode], SessionRequest],
        parse: Callable[[int, Mapping[str, str], str], Read],
        *,
        number: int = 0,
    ) -> Read:
        """Make a call as this account; if one way of signing in is refused, try the other once."""
        identity = await _identity(account)
        auth_mode, refused = self._auth_mode_of(account), set[AuthMode]()
        while True:
            answer = await _send(account, build(identity, auth_mode), number)
            try:
                read = parse(answer.status, answer.headers, answer.text)
            except ServiceError as error:
                refused.add(auth_mode)
                following = copilot.next_auth_mode(refused, error)
                if following is None:
                    raise
                auth_mode = following
            else:
                if refused:
                    self._auth_modes[account.pk] = account.cookies_at, auth_mode
                return read

    def _auth_mode_of(self, account: Account) -> AuthMode:
        """Return the way of signing in that last worked; new credentials start with the first."""
        given_at, auth_mode = self._auth_modes.get(account.pk, (None, AUTH_MODES[0]))
        return auth_mode if given_at == account.cookies_at else AUTH_MODES[0]


async def _identity(account: Account) -> Identity:
    return Identity(await account_services.fresh_token(account), account.identity_type)


async def _send(account: Account, request: SessionRequest, number: int) -> UpstreamResponse:
    async with current_pool() as pool:
        http = pool.client(
            account.cookies | account.jar,
            domain=cookie_domain(settings.COPILOT_URL),
            proxy=account.proxy,
            user_agent=account.user_agent,
        )
        return await call(http, settings.COPILOT_URL, request, number=number)
