"""The consumer Copilot as a back end: a token in the socket's address, cookies for Cloudflare, one turn at a time."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from django.conf import settings

from accounts import services as accounts
from accounts.models import Account, Capability
from bingproject.doors import nearest_door
from bingproject.errors import CookieExpiredError, ServiceError, UnexpectedResponseError, UpstreamUnavailableError
from bingproject.upstream import Answer, cookie_domain
from chat import client
from chat.protocol import copilot
from chat.protocol.catalogue import LIMIT_CHARACTERS
from chat.protocol.copilot import COPILOT as VOICE
from chat.protocol.copilot import MANNERS, Identity, Manner
from chat.protocol.events import Dialect, Prompt
from chat.protocol.pictures import check_pictures
from chat.protocol.requests import HttpRequest
from chat.protocol.transcript import check_newest
from chat.services.backends.backend import CALL_SECONDS, Asked, at_most, timers

Read = TypeVar("Read")


class Copilot:
    """See `Backend`."""

    name, shown, capability, voice = "copilot", "copilot", str(Capability.COPILOT), VOICE
    limit_characters = LIMIT_CHARACTERS["copilot"]
    is_one_text = True
    can_stay_offline = False
    # No limit of either is known.
    max_turns = conversation_seconds = math.inf

    def __init__(self) -> None:
        # How each account's calls are let in, with the credentials of which moment, once one of the two ways has been
        # refused.
        self._manners: dict[int, tuple[datetime | None, Manner]] = {}

    def check(self, prompt: Prompt) -> None:
        """Too long, or a picture of a kind it does not take."""
        check_newest(prompt, self.limit_characters)
        check_pictures(prompt, copilot.IMAGE_TYPES)

    async def open_session(self, account: Account) -> dict[str, str]:
        """By the create call."""
        conversation_id = await self._call(
            account, copilot.build_conversation_request, copilot.parse_conversation_response
        )
        return {"conversation_id": conversation_id}

    async def upload(self, account: Account, prompt: Prompt, credentials: dict[str, str]) -> tuple[str, ...]:
        """Each picture's address."""
        urls = []
        for image in prompt.images:

            def build(identity: Identity, manner: Manner, image: object = image) -> HttpRequest:
                return copilot.build_image_request(image, identity, manner)  # type: ignore[arg-type]

            urls.append(await self._call(account, build, copilot.parse_image_response))
        return tuple(urls)

    def reply(self, asked: Asked) -> Dialect:
        """In the route's mode."""
        return copilot.Reply(
            asked.credentials["conversation_id"],
            asked.prompt,
            asked.manner,
            turn=asked.turn,
            image_urls=asked.attachments,
            wants_suggestions=asked.wants_suggestions,
        )

    async def address(self, account: Account, credentials: dict[str, str]) -> client.Address:
        """With the token in it."""
        identity = await _identity(account)
        url = copilot.build_socket_url(settings.COPILOT_URL, identity, str(uuid.uuid4()))
        headers = copilot.build_socket_headers(account.cookies | account.jar)
        return client.Address(url, headers, account.proxy, account.user_agent)

    def timers(self) -> client.Timers:
        """The usual ones."""
        return timers(copilot.HANDSHAKE_SECONDS)

    def refusal(self, status: int, headers: Mapping[str, str], body: str) -> ServiceError:
        """A page may say more than the status: a challenge, a region."""
        return copilot.parse_upgrade_refusal(status, headers, body)

    async def renew(self, account: Account) -> bool:
        """By the account's token command, if it has one."""
        return await renew_token(account)

    def may_repeat(self, error: ServiceError, *, is_heard: bool) -> bool:
        """Never once the question has been received, nor where the answer is about the region."""
        is_passing = isinstance(error, UnexpectedResponseError | UpstreamUnavailableError)
        return is_passing and not is_heard and error.code != "upstream_overloaded"

    async def _call(
        self,
        account: Account,
        build: Callable[[Identity, Manner], HttpRequest],
        parse: Callable[[int, Mapping[str, str], str], Read],
    ) -> Read:
        """One call as this account; where one manner is refused, once more in the other."""
        identity = await _identity(account)
        manner, refused = self._manner_of(account), set[Manner]()
        while True:
            answer = await _send(account, build(identity, manner))
            try:
                read = parse(answer.status, answer.headers, answer.text)
            except ServiceError as error:
                refused.add(manner)
                following = copilot.next_manner(refused, error)
                if following is None:
                    raise
                manner = following
            else:
                if refused:
                    self._manners[account.pk] = account.cookies_at, manner
                return read

    def _manner_of(self, account: Account) -> Manner:
        """The one that was let in last; new credentials begin anew."""
        given_at, manner = self._manners.get(account.pk, (None, MANNERS[0]))
        return manner if given_at == account.cookies_at else MANNERS[0]


async def renew_token(account: Account) -> bool:
    """Whether the account has another token now than the one just refused."""
    refused = account.token
    try:
        return await accounts.fresh_token(account, replacing=refused) != refused
    except CookieExpiredError:
        return False


async def _identity(account: Account) -> Identity:
    return Identity(await accounts.fresh_token(account), account.identity_type)


async def _send(account: Account, request: HttpRequest) -> Answer:
    async with nearest_door() as door:
        http = door.client(
            account.cookies | account.jar,
            domain=cookie_domain(settings.COPILOT_URL),
            proxy=account.proxy,
            user_agent=account.user_agent,
        )
        return await client.call(http, settings.COPILOT_URL, request, seconds=at_most(CALL_SECONDS))
