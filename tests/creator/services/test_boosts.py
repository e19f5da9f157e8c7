"""Remaining boosts, read from the pages that come with pictures: the answer to a submit, and the page after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError

from accounts.models import Account
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.http_client import UpstreamResponse
from creator.client import ImageCreatorClient
from creator.models import State
from creator.services.generation import submit_task, visit_redirect
from tests.creator.engine.running import all_finished, reload, run_until
from tests.creator.services.test_generation import _generation, _with_session
from tests.factories import make_account, make_task

pytestmark = pytest.mark.django_db(transaction=True)


def left(account: Account) -> int | None:
    """Return the number in the account's row."""
    return Account.objects.values_list("boosts_left", flat=True).get(pk=account.pk)


def test_the_page_after_a_submit_shows_the_remaining_boosts(bing: SandboxServer) -> None:
    """The number decreases by one without any check."""
    account = make_account("anna")
    generation = _generation(account, "a fox")
    outcome = _with_session(account, lambda session: submit_task(generation, session, lambda: True))
    location = getattr(outcome, "location", "")
    assert location
    _with_session(account, lambda session: visit_redirect(generation, session, location))
    assert bing.state.account("anna").boosts == left(account) == 14


def test_a_refusal_without_boosts_sets_zero(bing: SandboxServer) -> None:
    """The refusal's page shows the empty balance."""
    account = make_account("anna")
    bing.state.account("anna").boosts = 0
    generation = _generation(account, "a fox", speed="fast")
    _with_session(account, lambda session: submit_task(generation, session, lambda: True))
    assert left(account) == 0


def test_a_page_without_a_balance_changes_nothing(bing: SandboxServer) -> None:
    """A redirect has no page at all."""
    account = make_account("anna")
    Account.objects.update(boosts_left=3)
    _with_session(account, lambda session: session.note_boosts(""))
    _with_session(account, lambda session: session.note_boosts("<p>fox</p>"))
    assert left(account) == 3


@pytest.mark.parametrize("where", ["submit", "visit"])
def test_a_database_outage_loses_the_number_and_not_the_picture(
    bing: SandboxServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """Bing has accepted the task by then, so its id is stored as soon as the database is back."""
    make_account("anna")
    task = make_task(prompt="a fox")

    def fail(account: Account, page: str, now: datetime) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("accounts.microsoft.services.note_boosts", fail)
    if where == "submit":
        # A page beside the redirect, as Bing sends one.
        submit = ImageCreatorClient.submit

        async def with_page(self: ImageCreatorClient, *arguments: Any) -> UpstreamResponse:
            return replace(await submit(self, *arguments), text="<p>Object moved</p>")

        monkeypatch.setattr(ImageCreatorClient, "submit", with_page)
    run_until(all_finished)
    assert reload(task).state == State.COMPLETED
    assert "boosts of anna" in caplog.text
