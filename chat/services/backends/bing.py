"""Bing Chat ("Sydney") as a back end: a conversation is created over HTTP with the account's cookies."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping

from asgiref.sync import sync_to_async
from django.conf import settings

from accounts.models import Account, Capability
from bingproject.doors import nearest_door
from bingproject.errors import (
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from bingproject.upstream import BROWSER_HEADERS, cookie_domain, jar_cookies
from chat import client
from chat.protocol import sydney
from chat.protocol.catalogue import LIMIT_CHARACTERS
from chat.protocol.events import Dialect, Prompt
from chat.protocol.failures import BING as VOICE
from chat.protocol.sydney import Credentials, UploadedImage
from chat.protocol.transcript import check_newest
from chat.services.backends.backend import CALL_SECONDS, Asked, at_most, timers


class Bing:
    """See `Backend`."""

    name, shown, capability, voice = "bing", "bing-sydney", str(Capability.CHAT), VOICE
    limit_characters = LIMIT_CHARACTERS["sydney"]
    is_one_text = False
    can_stay_offline = True
    max_turns: float = sydney.MAX_TURNS
    conversation_seconds: float = sydney.CONVERSATION_SECONDS

    def check(self, prompt: Prompt) -> None:
        """Too long, or too many pictures."""
        check_newest(prompt, self.limit_characters)
        sydney.check_images(prompt)

    async def open_session(self, account: Account) -> dict[str, str]:
        """By the create call; cookies that Bing sets are kept."""
        async with nearest_door() as door:
            http = door.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)
            request = sydney.build_create_request()
            answer = await client.call(http, settings.BING_URL, request, seconds=at_most(CALL_SECONDS))
            credentials = sydney.parse_create_response(answer.status, answer.headers, answer.text)
            fresh = jar_cookies(http)
        if not fresh.items() <= account.jar.items():
            await sync_to_async(account.add_to_jar)(fresh)
        return dataclasses.asdict(credentials)

    async def upload(self, account: Account, prompt: Prompt, credentials: dict[str, str]) -> tuple[UploadedImage, ...]:
        """Bing keeps one picture a message."""
        if not prompt.images:
            return ()
        async with nearest_door() as door:
            http = door.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)
            request = sydney.build_image_request(prompt.images[0], credentials["conversation_id"])
            answer = await client.call(http, settings.BING_URL, request, seconds=at_most(CALL_SECONDS))
        return (sydney.parse_image_response(answer.status, answer.headers, answer.text, bing_url=settings.BING_URL),)

    def reply(self, asked: Asked) -> Dialect:
        """The style is the model's own."""
        return sydney.Reply(
            Credentials(**asked.credentials),
            asked.prompt,
            asked.model,
            turn=asked.turn,
            request_id=str(uuid.uuid4()),
            trace_id=uuid.uuid4().hex,
            image=next(iter(asked.attachments), None),
        )

    async def address(self, account: Account, credentials: dict[str, str]) -> client.Address:
        """Cookies go along only to the domain they belong to."""
        headers = sydney.SOCKET_HEADERS | {"Accept-Language": BROWSER_HEADERS["accept-language"]}
        if cookie_domain(settings.SYDNEY_URL) == cookie_domain(settings.BING_URL):
            cookies = account.cookies | account.jar
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        url = sydney.build_socket_url(settings.SYDNEY_URL, Credentials(**credentials))
        return client.Address(url, headers, account.proxy, account.user_agent)

    def timers(self) -> client.Timers:
        """The usual ones."""
        return timers(sydney.HANDSHAKE_SECONDS)

    def refusal(self, status: int, headers: Mapping[str, str], body: str) -> ServiceError:
        """By its status alone."""
        return sydney.parse_upgrade_refusal(status, headers)

    async def renew(self, account: Account) -> bool:
        """Cookies are the operator's to renew."""
        return False

    def may_repeat(self, error: ServiceError, *, is_heard: bool) -> bool:
        """What a second try may not meet again, over a conversation of its own."""
        if error.code == "upstream_overloaded":
            return False
        return isinstance(error, UnexpectedResponseError | UpstreamRefusedError | UpstreamUnavailableError)
