"""Upstream conversations: opening one as an account, where its socket is, uploading a picture for it."""

from __future__ import annotations

import dataclasses

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts.models import Account
from bingproject.doors import nearest_door
from bingproject.upstream import BROWSER_HEADERS, cookie_domain, jar_cookies
from chat import client
from chat.protocol import sydney
from chat.protocol.events import Prompt
from chat.protocol.sydney import Credentials, UploadedImage

CALL_SECONDS, OPEN_SECONDS = 15.0, 10.0


async def open_session(account: Account) -> Credentials:
    """Open an upstream conversation as this account; cookies that Bing sets are kept.

    Raises: what `parse_create_response` raises, NotSentError, OutcomeUnknownError.
    """
    async with nearest_door() as door:
        http = door.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)
        answer = await client.call(
            http, settings.BING_URL, sydney.build_create_request(), seconds=_at_most(CALL_SECONDS)
        )
        credentials = sydney.parse_create_response(answer.status, answer.headers, answer.text)
        fresh = jar_cookies(http)
    if not fresh.items() <= account.jar.items():
        await sync_to_async(account.save_session)(account.session_ig, fresh, timezone.now())
    return credentials


async def upload_image(account: Account, prompt: Prompt, credentials: Credentials) -> UploadedImage | None:
    """Hand the prompt's picture to Bing; None when it has none. Raises: InvalidRequestError (`image_rejected`)."""
    if not prompt.images:
        return None
    async with nearest_door() as door:
        http = door.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)
        request = sydney.build_image_request(prompt.images[0], credentials.conversation_id)
        answer = await client.call(http, settings.BING_URL, request, seconds=_at_most(CALL_SECONDS))
    return sydney.parse_image_response(answer.status, answer.headers, answer.text, bing_url=settings.BING_URL)


def socket_address(account: Account, credentials: Credentials) -> client.Address:
    """Where the turn is held, and as whom; cookies go along only to the domain they belong to."""
    headers = sydney.SOCKET_HEADERS | {"Accept-Language": BROWSER_HEADERS["accept-language"]}
    if cookie_domain(settings.SYDNEY_URL) == cookie_domain(settings.BING_URL):
        cookies = account.cookies | account.jar
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    url = sydney.build_socket_url(settings.SYDNEY_URL, credentials)
    return client.Address(url, headers, account.proxy, account.user_agent)


def timers() -> client.Timers:
    """The timers of a turn, from the settings."""
    return client.Timers(
        opening=_at_most(OPEN_SECONDS),
        handshake=_at_most(sydney.HANDSHAKE_SECONDS),
        waiting=settings.CHAT_FIRST_RECORD_SECONDS,
        answering=settings.CHAT_GAP_SECONDS,
        turn=settings.CHAT_TURN_SECONDS,
    )


def call_seconds() -> float:
    """How long one call beside the socket may take."""
    return _at_most(CALL_SECONDS)


def _at_most(seconds: float) -> float:
    """What is one exchange over HTTP keeps to the limit of all of them."""
    return min(seconds, settings.UPSTREAM_TIMEOUT_SECONDS)


def pack(credentials: Credentials) -> dict[str, str]:
    """As stored, sealed, on the conversation's row."""
    return dataclasses.asdict(credentials)


def unpack(fields: dict[str, str]) -> Credentials:
    """Back from the row."""
    return Credentials(**fields)
