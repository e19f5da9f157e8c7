"""Accounts as a runner uses them: one client each, renewed together, replaced when an operator changes the account."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.models import Account, AccountState
from bingproject.sandbox.core.control import describe
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import ConnectionPool
from creator.protocol import Order
from creator.services.sessions import SessionPool
from tests.factories import make_account

pytestmark = pytest.mark.django_db(transaction=True)


def test_concurrent_renewals_are_one(bing: SandboxServer) -> None:
    """Twenty generations of a new account read Bing's start page once."""
    account = make_account(state=AccountState.UNCHECKED)

    async def run() -> list[bool]:
        async with ConnectionPool() as connections:
            session = SessionPool(connections).of(account)
            return list(await asyncio.gather(*(session.renew() for _ in range(20))))

    assert asyncio.run(run()) == [True] * 20
    assert describe(bing.state)["homes"] == 1
    account.refresh_from_db()
    assert account.state == AccountState.OK
    assert len(account.session_ig) == 32


def test_a_rotated_cookie_gets_a_new_client(bing: SandboxServer) -> None:
    """The pool returns the same session until cookies, proxy or user agent change."""
    account = make_account("before")

    async def run() -> tuple[bool, bool]:
        async with ConnectionPool() as connections:
            pool = SessionPool(connections)
            first = pool.of(account)
            same = pool.of(await Account.objects.aget(pk=account.pk)) is first
            await sync_to_async(account.rotate)({"_U": "after"}, timezone.now())
            pool.refresh([await Account.objects.aget(pk=account.pk)])
            await pool.by_id(account.pk).renew()
            await first.aclose()
            return same, pool.by_id(account.pk) is first

    assert asyncio.run(run()) == (True, False)
    assert set(describe(bing.state)["accounts"]) == {"after"}


def test_cookies_that_bing_sets_are_stored_with_the_account(bing: SandboxServer) -> None:
    """They are encrypted in the row, beside the earlier ones, and the next process sends them."""
    account = make_account("alice")

    async def run() -> None:
        async with ConnectionPool() as connections:
            pool = SessionPool(connections)
            session = pool.of(account)
            await session.renew()
            answer = await session.creator.submit(Order("image", "a cat", "DALLE", "SQUARE", "fast"), session.ig)
            assert answer.status == 302
            await pool.save_jars()

    asyncio.run(run())
    account.refresh_from_db()
    assert {"SANDBOX_SESSION", "SRCHHPGUSR"} <= set(account.jar)
    assert "SRCHHPGUSR" not in account.encrypted_jar
    assert describe(bing.state)["violation_count"] == 0


def test_a_signed_out_page_is_no_session(bing: SandboxServer) -> None:
    """With an expired cookie, renew returns False, the row says expired, and the session stays closed."""
    account = make_account("expired-one", state=AccountState.UNCHECKED)

    async def run() -> tuple[bool, bool]:
        async with ConnectionPool() as connections:
            session = SessionPool(connections).of(account)
            return await session.renew(), session.is_open

    assert asyncio.run(run()) == (False, False)
    account.refresh_from_db()
    assert account.state == AccountState.EXPIRED
