"""The page of alerts: what is open, what was told, and the button that tries the way."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bingproject.models import Alert
from bingproject.operators.alert_admin import AlertAdmin
from tests.bingproject.security.authenticators import make_operator
from tests.bingproject.security.test_roles import groups, member
from tests.receivers import Webhook, serving

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures(groups.__name__)]
__all__ = ["groups"]
PAGE, TEST = "/admin/bingproject/alert/", "/admin/bingproject/alert/test/"


@pytest.fixture
def operator(client: Client) -> Client:
    """A browser with an operator logged in."""
    client.force_login(make_operator())
    return client


def make_alert(cause: str, **columns: Any) -> Alert:
    """A row."""
    now = timezone.now()
    given = {"summary": f"{cause} broke", "what_to_do": "Mend it.", "began_at": now, "seen_at": now}
    return Alert.objects.create(cause=cause, **(given | columns))


def test_open_ones_come_first_and_are_counted(operator: Client) -> None:
    """Each with what to do; the side bar has their number; a row's page opens."""
    now = timezone.now()
    make_alert("old thing", began_at=now - timedelta(days=2), last_error="webhook: the other end answered 500")
    make_alert("ended thing", ended_at=now)
    answer = operator.get(PAGE)
    text = answer.content.decode()
    assert text.index("old thing broke") < text.index("ended thing broke")
    assert "Mend it." in text and "answered 500" in text
    page: AlertAdmin = answer.context["cl"].model_admin
    assert page.badge(answer.wsgi_request) == "1"
    assert "Mend it." in operator.get(f"{PAGE}old%20thing/change/").content.decode()
    Alert.objects.update(ended_at=now)
    assert page.badge(answer.wsgi_request) == ""


def test_rows_cannot_be_written(operator: Client) -> None:
    """The server writes them."""
    make_alert("thing")
    for path in (f"{PAGE}add/", f"{PAGE}thing/delete/"):
        assert operator.post(path, {"post": "yes"}).status_code == 403
    operator.post(PAGE, {"action": "delete_selected", "_selected_action": ["thing"], "post": "yes"})
    assert Alert.objects.exists()


def test_the_button_sends_a_test(operator: Client, settings: Any) -> None:
    """And the page says what came of it: arrived, or why not; never the address or the secret. It is in the record."""
    settings.ALERT_WEBHOOK_SECRET, settings.ALLOW_PRIVATE_ADDRESSES = "the-secret", ["127.0.0.1"]
    with serving(Webhook(200, 500)) as hook:
        settings.ALERT_WEBHOOK_URL = f"{hook.url}?token=mark"
        assert "Send a test" in operator.get(PAGE).content.decode()
        told = operator.post(TEST, follow=True).content.decode()
        failed = operator.post(TEST, follow=True).content.decode()
    assert "A test was sent by webhook." in told
    assert "The test did not go out by webhook: the other end answered 500" in failed
    assert len(hook.seen) == 2 and not Alert.objects.exists()
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["Send a test"] * 2
    for text in (told, failed):
        assert "mark" not in text.replace("bookmark", "") and "the-secret" not in text


def test_no_way_to_tell(operator: Client, settings: Any) -> None:
    """The page says which settings there are; the button is not there, and what it does says the same."""
    settings.ALERT_EMAIL, settings.ALERT_WEBHOOK_URL = [], ""
    text = operator.get(PAGE).content.decode()
    assert "Nobody is told" in text and "Send a test" not in text
    assert "is set." in operator.post(TEST, follow=True).content.decode()


def test_who_may_send_a_test(operator: Client, settings: Any) -> None:
    """Who acts, not who looks; and by the button alone."""
    settings.ALERT_WEBHOOK_URL = "https://hooks.invalid/"
    assert operator.get(TEST).status_code == 403
    viewer, acting = member("viewer"), member("operator")
    assert "Send a test" not in viewer.get(PAGE).content.decode()
    assert viewer.post(TEST).status_code == 403
    assert "its name is not known" in acting.post(TEST, follow=True).content.decode()


def test_an_alert_leads_to_where_it_is_put_right(operator: Client) -> None:
    """An account's page, the accounts, the queue; another cause is no link."""
    make_alert("account 7 expired")
    make_alert("no account for image, chat")
    make_alert("queue of images")
    make_alert("something else")
    text = operator.get(reverse("admin:bingproject_alert_changelist")).content.decode()
    for address in (
        reverse("admin:accounts_account_change", args=[7]),
        reverse("admin:accounts_account_changelist"),
        f"{reverse('admin:creator_task_changelist')}?state__exact=queued",
    ):
        assert re.search(rf'href="{re.escape(address)}">[^<]+ broke</a>', text), address
    assert "something else broke" in text and "something else broke</a>" not in text
