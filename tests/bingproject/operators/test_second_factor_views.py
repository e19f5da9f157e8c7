"""Setting a second factor up in the admin, and being asked for it."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from bingproject.models import Authenticator
from tests.bingproject.authenticators import PASSWORD, code_of, make_operator, send_password, set_up, wrong

pytestmark = pytest.mark.django_db
PAGE = "/admin/second-factor/"


@pytest.fixture
def anna() -> Client:
    """An operator's browser, logged in by password."""
    make_operator()
    client = Client()
    send_password(client)
    return client


def later() -> None:
    """The half minute of the last code is over, and so is the pause after a wrong one."""
    Authenticator.objects.update(last_step=-1, throttling_failure_count=0)


def test_setting_up(anna: Client) -> None:
    """A QR code as inline SVG and the key, once; after the first code the recovery codes, once; none may be cached."""
    assert "Set up a second factor" in anna.get(PAGE).content.decode()
    begun = anna.post(PAGE, {"step": "begin"})
    text = begun.content.decode()
    assert "<svg" in text and "data-key" in text and "no-store" in begun["Cache-Control"]
    anna.post(PAGE, {"step": "begin"})
    key, codes = set_up(anna)
    shown = anna.get(PAGE).content.decode()
    assert "in force" in shown and "data-key" not in shown
    assert key not in shown and not any(code in shown for code in codes)
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["Set up a second factor."]


def test_a_wrong_first_code(anna: Client) -> None:
    """Nothing is in force; another code may be tried, the key is not shown again."""
    anna.post(PAGE, {"step": "begin"})
    text = anna.post(PAGE, {"step": "confirm", "code": "000000"}).content.decode()
    assert "That code is wrong" in text and "Begin anew" in text and "data-key" not in text
    assert not Authenticator.objects.filter(confirmed=True).exists()


def test_the_log_in_asks_for_the_code() -> None:
    """After the password every page leads to the question; after the code to what was asked for first."""
    make_operator()
    first = Client()
    send_password(first)
    key, _ = set_up(first)
    later()
    other = Client()
    asked = send_password(other, path="/admin/login/?next=/admin/auth/user/")
    assert "the code that your authenticator shows" in asked
    for path in ("/admin/", "/admin/accounts/account/", PAGE, "/admin/password_change/", "/admin/search/?s=a"):
        answer = other.get(path)
        assert answer.status_code == 302 and answer["Location"].startswith("/admin/login/?next="), path
    assert "That code is wrong" in other.post("/admin/login/", {"code": wrong(code_of(key))}).content.decode()
    assert other.get("/admin/").status_code == 302
    later()
    done = other.post("/admin/login/", {"code": code_of(key), "next": "/admin/auth/user/"})
    assert (done.status_code, done["Location"]) == (302, "/admin/auth/user/")
    assert other.get("/admin/").status_code == first.get("/admin/").status_code == 200


def test_the_question_leads_nowhere_else() -> None:
    """`next` of another site is not followed."""
    make_operator()
    client = Client()
    send_password(client)
    key, _ = set_up(client)
    later()
    other = Client()
    send_password(other)
    done = other.post("/admin/login/", {"code": code_of(key), "next": "https://evil.example/"})
    assert done["Location"] == "/admin/"


def test_the_code_alone_opens_nothing(anna: Client) -> None:
    """Without a password there is no question for a code; other sessions have to show one of their own."""
    key, codes = set_up(anna)
    later()
    stranger = Client()
    assert "username" in stranger.post("/admin/login/", {"code": code_of(key)}).content.decode()
    assert stranger.get("/admin/").status_code == 302
    wrong_password = send_password(stranger, password="something else")
    assert "authenticator" not in wrong_password
    assert stranger.post("/admin/login/", {"code": codes[0]}).status_code == 200
    assert stranger.get("/admin/").status_code == 302


def test_somebody_else(anna: Client) -> None:
    """Who is asked for a code can log out instead."""
    set_up(anna)
    other = Client()
    send_password(other)
    assert other.post("/admin/login/", {"leave": "1"})["Location"] == "/admin/login/"
    assert "username" in other.get("/admin/login/").content.decode()


def test_a_recovery_code_logs_in(anna: Client) -> None:
    """Once, in place of a code."""
    _, codes = set_up(anna)
    for client, status in ((Client(), 200), (Client(), 302)):
        send_password(client)
        client.post("/admin/login/", {"code": codes[0]})
        assert client.get("/admin/").status_code == status


def test_new_codes_and_removal(anna: Client) -> None:
    """Both ask for a code; a wrong one changes nothing; each is in the record."""
    key, codes = set_up(anna)
    for step in ("codes", "remove"):
        later()
        assert "That code is wrong" in anna.post(PAGE, {"step": step, "code": wrong(code_of(key))}).content.decode()
    later()
    assert "data-recovery" in anna.post(PAGE, {"step": "codes", "code": code_of(key)}).content.decode()
    assert "That code is wrong" in anna.post(PAGE, {"step": "remove", "code": codes[0]}).content.decode()
    later()
    assert "data-key" not in anna.post(PAGE, {"step": "begin"}).content.decode()
    removed = anna.post(PAGE, {"step": "remove", "code": code_of(key)}, follow=True).content.decode()
    assert "is removed" in removed and "Set up a second factor" in removed
    messages = {entry.change_message for entry in LogEntry.objects.all()}
    assert messages == {"Set up a second factor.", "Made new recovery codes.", "Removed the second factor."}
    other = Client()
    send_password(other)
    assert other.get("/admin/").status_code == 200


def test_an_unknown_step_shows_the_page(anna: Client) -> None:
    """And changes nothing."""
    assert anna.post(PAGE, {"step": "nonsense"}).status_code == 200
    assert not Authenticator.objects.exists()


def test_the_menu_leads_there(anna: Client) -> None:
    """The theme's account menu has a link to it."""
    assert f'href="{PAGE}"' in anna.get("/admin/").content.decode()


def test_who_has_no_say_here(anna: Client) -> None:
    """A log-in that is no operator's, and one that was switched off, stay outside."""
    user = make_operator("bert")
    bert = Client()
    send_password(bert, "bert")
    assert bert.get("/admin/").status_code == 200
    user.is_staff = False
    user.save()
    assert bert.get("/admin/").status_code == 302
    assert user.check_password(PASSWORD) and user.date_joined < timezone.now()
