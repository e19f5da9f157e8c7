"""Setting a second factor up in the admin, and being asked for it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from selectolax.lexbor import LexborHTMLParser

from bingproject.conf.environment import new_seal_key
from bingproject.models import Authenticator
from bingproject.operators.second_factor_views import MADE
from tests.bingproject.security.authenticators import PASSWORD, code_of, make_operator, send_password, set_up, wrong

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
    begun = anna.post(PAGE, {"step": "begin"}, follow=True)
    text = begun.content.decode()
    assert "<svg" in text and "data-key" in text and "no-store" in begun["Cache-Control"]
    anna.post(PAGE, {"step": "begin"})
    key, codes = set_up(anna)
    shown = anna.get(PAGE).content.decode()
    assert "second factor is on" in shown and "data-key" not in shown
    assert key not in shown and not any(code in shown for code in codes)
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["Set up a second factor."]


def test_what_is_shown_once_is_not_shown_again(anna: Client) -> None:
    """A step leads to the page by a redirect; until it is fetched, key and codes wait encrypted in the session."""
    key = ""
    for step in ("begin", "confirm", "codes"):
        later()
        code = code_of(key) if key else ""
        answer = anna.post(PAGE, {"step": step, "code": code})
        assert (answer.status_code, answer["Location"], answer.content) == (302, PAGE, b"")
        assert str(anna.session[MADE]).startswith("gAAAA")
        shown = anna.get(PAGE)
        assert "no-store" in shown["Cache-Control"] and MADE not in anna.session
        if step == "begin":
            element = LexborHTMLParser(shown.content.decode()).css_first("[data-key]")
            assert element is not None
            key = element.text()
        again = anna.get(PAGE).content.decode()
        assert not any(mark in again for mark in ("data-key", "data-recovery", "<svg xmlns"))


def test_what_waits_to_be_shown_is_lost_with_its_seal_key(anna: Client, settings: Any) -> None:
    """The page says how things stand and shows nothing; another key can be made."""
    anna.post(PAGE, {"step": "begin"})
    settings.SEAL_KEYS = [new_seal_key()]
    assert "Set up a second factor" in anna.get(PAGE).content.decode()
    set_up(anna)


def test_a_wrong_first_code(anna: Client) -> None:
    """Nothing is in force; another code may be tried, the key is not shown again."""
    anna.post(PAGE, {"step": "begin"})
    text = anna.post(PAGE, {"step": "confirm", "code": "000000"}).content.decode()
    assert "That code is wrong" in text and "Start over" in text and "data-key" not in text
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
    text = anna.post(PAGE, {"step": "codes", "code": code_of(key)}, follow=True).content.decode()
    assert "data-recovery" in text
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


@pytest.mark.parametrize("role", ["viewer", "operator", "superuser"])
def test_everybody_finds_where_to_change_their_password(client: Client, role: str) -> None:
    """The account menu leads to the form; it is in the admin's look, and the new password is the one that works."""
    user = User.objects.create_user(
        "bert", password="old-secret-words", is_staff=True, is_superuser=role == "superuser"
    )
    if role != "superuser":
        user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    address = reverse("admin:password_change")
    assert f'href="{address}"' in client.get(reverse("admin:index")).content.decode()
    assert "nav-sidebar" in client.get(address).content.decode()
    form = {
        "old_password": "old-secret-words",
        "new_password1": "new-secret-words",
        "new_password2": "new-secret-words",
    }
    answer = client.post(address, form, follow=True)
    assert answer.status_code == 200 and "nav-sidebar" in answer.content.decode()
    user.refresh_from_db()
    assert user.check_password("new-secret-words")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.get_change_message()) == (
        user,
        str(user.pk),
        "Changed their own password.",
    )
    client.post(address, form | {"old_password": "wrong"})
    assert LogEntry.objects.count() == 1


def test_a_second_factor_whose_seal_key_is_gone(settings: Any) -> None:
    """No code is taken, the pages say why, and a recovery code lets its owner in to set up another."""
    make_operator()
    first = Client()
    send_password(first)
    key, recovery = set_up(first)
    later()
    settings.SEAL_KEYS = [new_seal_key()]
    other = Client()
    send_password(other)
    told = "cannot be decrypted with any key in SEAL_KEYS"
    assert told in other.post("/admin/login/", {"code": code_of(key)}).content.decode()
    assert other.get("/admin/").status_code == 302
    for step in ("codes", "remove"):
        assert told in first.post(PAGE, {"step": step, "code": code_of(key)}).content.decode()
    assert other.post("/admin/login/", {"code": recovery[0]}).status_code == 302
    assert other.get("/admin/").status_code == 200
    other.post(PAGE, {"step": "remove", "code": recovery[1]})
    assert not Authenticator.objects.exists()
    set_up(other)


def test_a_key_that_is_lost_while_it_is_set_up(anna: Client, settings: Any) -> None:
    """Its first code is not taken, and the page says what to do."""
    anna.post(PAGE, {"step": "begin"})
    settings.SEAL_KEYS = [new_seal_key()]
    text = anna.post(PAGE, {"step": "confirm", "code": "000000"}).content.decode()
    assert "cannot be decrypted with any key in SEAL_KEYS" in text
    assert not Authenticator.objects.filter(confirmed=True).exists()
