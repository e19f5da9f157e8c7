"""Microsoft 365 Copilot as a back end: a token alone; this server chooses the ids of a conversation."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping

from django.conf import settings
from django.utils import timezone

from accounts.microsoft import services as account_services
from accounts.microsoft.access_tokens import PERSONAL_TENANT_ID, describe_token, read_token
from accounts.microsoft.services import CheckContext, Finding
from accounts.models import Account, Capability, CheckState
from bingproject.errors import (
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from bingproject.upstream.connection_pool import current_pool
from bingproject.upstream.http_client import cookie_domain
from chat import client
from chat.protocol import m365
from chat.protocol.events import Dialect, Prompt
from chat.protocol.m365 import M365_ERRORS, M365Credentials, M365Image, Thread
from chat.protocol.m365.models import LIMIT_CHARACTERS, tone_models
from chat.protocol.model_spec import ChatModelSpec
from chat.protocol.pictures import check_pictures
from chat.protocol.transcript import check_newest
from chat.services.backends.backend import ANSWERED, Ask, TurnAttempt, call, renew_token, timers


class M365:
    """Implements `Backend`."""

    name, shown, capability, errors = "m365", "m365", str(Capability.M365), M365_ERRORS
    limit_characters = LIMIT_CHARACTERS
    is_one_text = True
    can_stay_offline = True
    max_turns: float = m365.MAX_TURNS
    conversation_seconds: float = m365.CONVERSATION_SECONDS

    def check(self, prompt: Prompt) -> None:
        """Refuse a prompt that is too long, or a picture of a type that it does not accept."""
        check_newest(prompt, self.limit_characters)
        check_pictures(prompt, m365.IMAGE_TYPES)

    def extra_models(self) -> tuple[ChatModelSpec, ...]:
        """Return a model for each additional tone."""
        return tone_models(settings.M365_TONES)

    async def check_account(self, context: CheckContext, ask: Ask) -> Finding:
        """Check what the token says and whether a question was answered with it; only another question proves more.

        No call is known that costs nothing (docs/wire/m365.md, 1).
        """
        account = context.account
        missing = [name for name, value in (
            ("object id", account.object_id), ("tenant id", account.tenant_id), ("licence", account.tier),
        ) if not value]  # fmt: skip
        if missing:
            return Finding(CheckState.FAILED, f"Without its {', '.join(missing)} the account cannot be addressed.")
        if context.may_open:
            return await ask(context)
        row = await account.capabilities.aget(capability=self.capability)
        if row.last_success_at and account.cookies_at and row.last_success_at >= account.cookies_at:
            return Finding(CheckState.OK, ANSWERED)
        said = describe_token(read_token(account.token), timezone.now().timestamp())
        return Finding(CheckState.UNKNOWN, f"Cannot tell without asking a question. {said}")

    async def open_session(self, account: Account) -> dict[str, str]:
        """Choose the ids, since no call is needed; raise if the account has no token."""
        await account_services.fresh_token(account)
        return dataclasses.asdict(Thread(str(uuid.uuid4()), str(uuid.uuid4()), uuid.uuid4().hex))

    async def upload(self, account: Account, prompt: Prompt, credentials: dict[str, str]) -> tuple[M365Image, ...]:
        """Upload each picture as a file of the conversation."""
        kept: list[M365Image] = []
        base_url = m365.build_call_url(settings.M365_URL)
        for number, image in enumerate(prompt.images):
            request = m365.build_image_request(image, await _credentials(account), credentials["conversation_id"])
            async with current_pool() as pool:
                http = pool.client(
                    account.cookies,
                    domain=cookie_domain(base_url),
                    proxy=account.proxy,
                    user_agent=account.user_agent,
                )
                answer = await call(http, base_url, request, number=number)
            kept.append(m365.parse_image_response(answer.status, answer.headers, answer.text))
        return tuple(kept)

    def new_dialect(self, asked: TurnAttempt) -> Dialect:
        """Return a dialect in the route's tone."""
        return m365.M365Turn(
            Thread(**asked.credentials),
            asked.prompt,
            asked.mode,
            turn=asked.turn,
            request_id=str(uuid.uuid4()),
            trace_id=uuid.uuid4().hex,
            asked_at=timezone.now().astimezone(settings.M365_TIME_ZONE),
            has_search=asked.model.has_search,
            images=asked.attachments,
        )

    async def address(self, account: Account, credentials: dict[str, str]) -> client.Address:
        """Return an address with the token in it."""
        url = m365.build_socket_url(settings.M365_URL, await _credentials(account), Thread(**credentials))
        return client.Address(url, dict(m365.SOCKET_HEADERS), account.proxy, account.user_agent)

    def timers(self) -> client.Timers:
        """Return the timers of the settings."""
        return timers(m365.HANDSHAKE_SECONDS)

    def refusal(self, status: int, headers: Mapping[str, str], body: str) -> ServiceError:
        """Judge by the status alone."""
        return m365.parse_upgrade_refusal(status, headers)

    async def renew(self, account: Account) -> bool:
        """Run the account's token command, if it has one."""
        return await renew_token(account)

    def may_repeat(self, error: ServiceError, *, is_heard: bool) -> bool:
        """True for errors that may not occur again over a new conversation; not for a record of the wrong shape."""
        if error.code in ("upstream_overloaded", "upstream_protocol_error"):
            return False
        return isinstance(error, UnexpectedResponseError | UpstreamRefusedError | UpstreamUnavailableError)


async def _credentials(account: Account) -> M365Credentials:
    token = await account_services.fresh_token(account)
    usual = "individual" if account.tenant_id == PERSONAL_TENANT_ID else "enterprise"
    tier = account.tier if account.tier in m365.TIERS else usual
    return M365Credentials(token, account.object_id, account.tenant_id, tier)
