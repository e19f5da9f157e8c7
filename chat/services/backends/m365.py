"""Microsoft 365 Copilot as a back end: a token alone; the conversation's ids are ours to choose."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping

from django.conf import settings

from accounts import services as accounts
from accounts.models import Account, Capability
from accounts.tokens import PERSONAL_TENANT_ID
from bingproject.doors import nearest_door
from bingproject.errors import (
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from bingproject.upstream import cookie_domain
from chat import client
from chat.protocol import m365
from chat.protocol.catalogue import LIMIT_CHARACTERS
from chat.protocol.events import Dialect, Prompt
from chat.protocol.m365 import M365 as VOICE
from chat.protocol.m365 import Credentials, Thread, UploadedImage
from chat.protocol.pictures import check_pictures
from chat.protocol.transcript import check_newest
from chat.services.backends.backend import CALL_SECONDS, Asked, at_most, timers
from chat.services.backends.copilot import renew_token


class M365:
    """See `Backend`."""

    name, shown, capability, voice = "m365", "m365", str(Capability.M365), VOICE
    limit_characters = LIMIT_CHARACTERS["m365"]
    is_one_text = True
    can_stay_offline = True
    max_turns: float = m365.MAX_TURNS
    conversation_seconds: float = m365.CONVERSATION_SECONDS

    def check(self, prompt: Prompt) -> None:
        """Too long, or a picture of a kind it does not take."""
        check_newest(prompt, self.limit_characters)
        check_pictures(prompt, m365.IMAGE_TYPES)

    async def open_session(self, account: Account) -> dict[str, str]:
        """No call is needed; an account without a token is found out all the same."""
        await accounts.fresh_token(account)
        return dataclasses.asdict(Thread(str(uuid.uuid4()), str(uuid.uuid4()), uuid.uuid4().hex))

    async def upload(self, account: Account, prompt: Prompt, credentials: dict[str, str]) -> tuple[UploadedImage, ...]:
        """Each picture as a file of the conversation."""
        kept: list[UploadedImage] = []
        base_url = m365.build_call_url(settings.M365_URL)
        for image in prompt.images:
            request = m365.build_image_request(image, await _credentials(account), credentials["conversation_id"])
            async with nearest_door() as door:
                http = door.client(
                    account.cookies,
                    domain=cookie_domain(base_url),
                    proxy=account.proxy,
                    user_agent=account.user_agent,
                )
                answer = await client.call(http, base_url, request, seconds=at_most(CALL_SECONDS))
            kept.append(m365.parse_image_response(answer.status, answer.headers, answer.text))
        return tuple(kept)

    def reply(self, asked: Asked) -> Dialect:
        """In the route's tone."""
        return m365.Reply(
            Thread(**asked.credentials),
            asked.prompt,
            asked.manner,
            turn=asked.turn,
            request_id=str(uuid.uuid4()),
            trace_id=uuid.uuid4().hex,
            has_search=asked.model.has_search,
            images=asked.attachments,
        )

    async def address(self, account: Account, credentials: dict[str, str]) -> client.Address:
        """With the token in it."""
        url = m365.build_socket_url(settings.M365_URL, await _credentials(account), Thread(**credentials))
        return client.Address(url, dict(m365.SOCKET_HEADERS), account.proxy, account.user_agent)

    def timers(self) -> client.Timers:
        """The usual ones."""
        return timers(m365.HANDSHAKE_SECONDS)

    def refusal(self, status: int, headers: Mapping[str, str], body: str) -> ServiceError:
        """By its status alone."""
        return m365.parse_upgrade_refusal(status, headers)

    async def renew(self, account: Account) -> bool:
        """By the account's token command, if it has one."""
        return await renew_token(account)

    def may_repeat(self, error: ServiceError, *, is_heard: bool) -> bool:
        """What a second try may not meet again, over a conversation of its own; not what was dropped for its shape."""
        if error.code in ("upstream_overloaded", "upstream_protocol_error"):
            return False
        return isinstance(error, UnexpectedResponseError | UpstreamRefusedError | UpstreamUnavailableError)


async def _credentials(account: Account) -> Credentials:
    token = await accounts.fresh_token(account)
    usual = "individual" if account.tenant_id == PERSONAL_TENANT_ID else "enterprise"
    tier = account.tier if account.tier in m365.TIERS else usual
    return Credentials(token, account.object_id, account.tenant_id, tier)
