"""The account as the runner uses it: its own client and cookie jar, and the image session that Bing gave it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Account
from bingproject.upstream import Door, jar_cookies
from creator.client import ImageCreatorClient

EGRESS_FIELDS = ("cookies_at", "sealed_proxy", "user_agent")


class AccountSession:
    """One account's client, made when it is first needed; shared by all its generations in this process.

    Raises: UnopenedError on each use, when no key opens what the client is built from: what stands in the way of one
    account is found out where its task is sent or looked for, as any other obstacle is, and stops no other.
    """

    def __init__(self, account: Account, door: Door) -> None:
        self.account = account
        self.egress = _egress(account)
        self._door = door
        self._http: httpx.AsyncClient | None = None
        self._renewal = asyncio.Lock()
        self._saved_jar: dict[str, str] = {}

    @property
    def creator(self) -> ImageCreatorClient:
        """What is asked of Bing goes through it."""
        return ImageCreatorClient(self._client(), settings.BING_URL)

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            cookies, proxy = self.account.cookies | self.account.jar, self.account.proxy
            self._http = self._door.client(cookies, proxy=proxy, user_agent=self.account.user_agent)
        return self._http

    @property
    def ig(self) -> str:
        """Bing's id of the session, "" when it gave none."""
        return self.account.session_ig

    @property
    def is_open(self) -> bool:
        """Whether Bing's page was read with these cookies before."""
        return self.account.session_at is not None

    async def renew(self) -> bool:
        """Read Bing's page again; whether it shows us signed in. The account's row learns of it.

        Callers that come while another one is at it share its answer.
        """
        before = self.account.session_at
        async with self._renewal:
            if before != self.account.session_at and self.account.session_at is not None:
                return True
            session = await accounts.renew_session(self.account, self._client())
            return session.signed_in

    async def save_jar(self) -> None:
        """Keep cookies that Bing set since, when there are any."""
        jar = {} if self._http is None else jar_cookies(self._http)
        if jar != self._saved_jar and self.is_open:
            self._saved_jar = jar
            await sync_to_async(self.account.save_session)(self.ig, self.account.jar | jar, timezone.now())

    async def aclose(self) -> None:
        """Close the client; the shared transport stays open."""
        if self._http is not None:
            await self._http.aclose()


class SessionPool:
    """The sessions of one process, renewed when an operator rotates an account's cookies."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._sessions: dict[int, AccountSession] = {}

    def of(self, account: Account) -> AccountSession:
        """The session of an account as its row is now."""
        held = self._sessions.get(account.pk)
        if held is not None and held.egress == _egress(account):
            return held
        fresh = AccountSession(account, self._door)
        self._sessions[account.pk] = fresh
        return fresh

    def by_id(self, account_id: int) -> AccountSession:
        """The session opened for the account before. Raises: KeyError."""
        return self._sessions[account_id]

    def ids(self) -> Iterable[int]:
        """Accounts with a session here."""
        return list(self._sessions)

    def outdated(self, egresses: Iterable[tuple[int, datetime | None, str, str]]) -> list[int]:
        """Accounts whose row now says otherwise than what their client was built from: (id, EGRESS_FIELDS…) in."""
        return [
            account_id
            for account_id, *egress in egresses
            if account_id in self._sessions and self._sessions[account_id].egress != tuple(egress)
        ]

    def refresh(self, accounts_now: Iterable[Account]) -> None:
        """Take over what operators changed; requests under way end with the old cookies."""
        for account in accounts_now:
            self.of(account)

    async def save_jars(self) -> None:
        """Keep what Bing's cookies became."""
        for session in list(self._sessions.values()):
            await session.save_jar()


def _egress(account: Account) -> tuple[object, ...]:
    """What a client is built from: when it changes, another client is needed."""
    return tuple(getattr(account, name) for name in EGRESS_FIELDS)
