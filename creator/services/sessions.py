"""Accounts as a runner uses them: each with a client, a cookie jar and the image session that Bing gave it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from accounts.microsoft import services as account_services
from accounts.models import Account
from bingproject.upstream.http_client import ConnectionPool, jar_cookies
from creator.client import ImageCreatorClient

logger = logging.getLogger(__name__)

EGRESS_FIELDS = ("cookies_at", "encrypted_proxy", "user_agent")


class AccountSession:
    """One account's client, created on first use and shared by all its generations in this process.

    The client is created late so that an account whose credentials cannot be decrypted fails only its own tasks.

    Raises:
        DecryptionError: On each use, if no key decrypts the account's credentials.
    """

    def __init__(self, account: Account, pool: ConnectionPool) -> None:
        self.account = account
        self.egress = _egress(account)
        self._pool = pool
        self._http: httpx.AsyncClient | None = None
        self._renewal = asyncio.Lock()
        self._saved_jar: dict[str, str] = {}

    @property
    def creator(self) -> ImageCreatorClient:
        """The account's client of the creator."""
        return ImageCreatorClient(self._client(), settings.BING_URL)

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            cookies, proxy = self.account.cookies | self.account.jar, self.account.proxy
            self._http = self._pool.client(cookies, proxy=proxy, user_agent=self.account.user_agent)
        return self._http

    @property
    def ig(self) -> str:
        """Bing's number of the session (wire page, section 1), "" if Bing gave none."""
        return self.account.session_ig

    @property
    def is_open(self) -> bool:
        """True if the start page was read with these cookies before."""
        return self.account.session_at is not None

    async def renew(self) -> bool:
        """Read the start page again and store the session in the account's row; return True if it is signed in.

        Calls that arrive while another one is under way share its success.
        """
        before = self.account.session_at
        async with self._renewal:
            # Another call has renewed the session while this one waited for the lock.
            if before != self.account.session_at and self.account.session_at is not None:
                return True
            session = await account_services.renew_session(self.account, self._client())
            return session.signed_in

    async def note_boosts(self, page: str) -> None:
        """Store the number of remaining boosts if the page shows it.

        A database error is only logged: the same response may say that Bing has accepted a task, which must go on.
        """
        try:
            if page:
                await sync_to_async(account_services.note_boosts)(self.account, page, timezone.now())
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the boosts of %s were not stored: %s", self.account.name, type(error).__name__)

    async def save_jar(self) -> None:
        """Store the cookies that Bing has set, if they have changed."""
        jar = {} if self._http is None else jar_cookies(self._http)
        # Saving sets the time of the session too, so an account whose start page was never read must not be saved.
        if jar != self._saved_jar and self.is_open:
            self._saved_jar = jar
            await sync_to_async(self.account.save_session)(self.ig, self.account.jar | jar, timezone.now())

    async def aclose(self) -> None:
        """Close the client; the shared transport stays open."""
        if self._http is not None:
            await self._http.aclose()


class SessionPool:
    """The sessions of one process, renewed when an operator rotates an account's cookies."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._sessions: dict[int, AccountSession] = {}

    def of(self, account: Account) -> AccountSession:
        """Return the session of an account, a new one if its row has changed what the client is built from."""
        held = self._sessions.get(account.pk)
        if held is not None and held.egress == _egress(account):
            return held
        fresh = AccountSession(account, self._pool)
        self._sessions[account.pk] = fresh
        return fresh

    def by_id(self, account_id: int) -> AccountSession:
        """Return the session that `of` returned for the account.

        Raises:
            KeyError: There is none.
        """
        return self._sessions[account_id]

    def ids(self) -> Iterable[int]:
        """Return the ids of accounts with a session."""
        return list(self._sessions)

    def outdated(self, egresses: Iterable[tuple[int, datetime | None, str, str]]) -> list[int]:
        """Return the ids of accounts whose client was built from other values.

        Args:
            egresses: (id, *EGRESS_FIELDS) of each account's row.
        """
        return [
            account_id
            for account_id, *egress in egresses
            if account_id in self._sessions and self._sessions[account_id].egress != tuple(egress)
        ]

    def refresh(self, accounts_now: Iterable[Account]) -> None:
        """Replace the sessions of changed accounts; requests under way finish with the old cookies."""
        for account in accounts_now:
            self.of(account)

    async def save_jars(self) -> None:
        """Store the cookies of all sessions."""
        for session in list(self._sessions.values()):
            await session.save_jar()


def _egress(account: Account) -> tuple[object, ...]:
    """Return what a client is built from: a change needs a new client."""
    return tuple(getattr(account, name) for name in EGRESS_FIELDS)
