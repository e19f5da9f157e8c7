"""The admin's pages for what cannot be shown."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client, RequestFactory
from django.urls import reverse

from bingproject.operators.error_pages import REFUSALS, error_page

pytestmark = pytest.mark.django_db


def test_an_address_that_leads_nowhere(operator: Client) -> None:
    """The page has the menu and the way back, and nothing of the address."""
    answer = operator.get("/admin/accounts/nowhere-at-all/")
    text = answer.content.decode()
    assert answer.status_code == 404 and REFUSALS[404].title in text
    assert reverse("admin:accounts_account_changelist") in text and "bingproject" in text
    assert "nowhere-at-all</" not in text and "<script>" not in text


def test_a_lookup_that_no_filter_offers(operator: Client) -> None:
    """Says what to do; the value is not repeated."""
    answer = operator.get(reverse("admin:accounts_account_changelist"), {"encrypted_cookies__startswith": "gAAAA"})
    text = answer.content.decode()
    assert answer.status_code == 400 and REFUSALS[400].title in text and "gAAAA" not in text


def test_a_page_without_permission(client: Client) -> None:
    """In the same look."""
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    answer = client.get(reverse("admin:accounts_account_changelist"))
    assert answer.status_code == 403 and REFUSALS[403].title in answer.content.decode()


@pytest.mark.parametrize("status", REFUSALS)
def test_who_is_not_logged_in_sees_no_menu(rf: RequestFactory, status: int) -> None:
    """Nor a request that was refused before anybody was known."""
    for user in (None, AnonymousUser()):
        request = rf.get("/admin/x/")
        if user is not None:
            request.user = user
        answer = error_page(request, Exception("secret"), status)
        text = answer.content.decode()
        assert answer.status_code == status and REFUSALS[status].title not in text and "secret" not in text
