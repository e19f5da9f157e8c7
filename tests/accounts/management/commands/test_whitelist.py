"""`manage.py whitelist add|set|remove|list`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import WhitelistedUser

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    """Return the command's output."""
    out = StringIO()
    call_command("whitelist", *arguments, stdout=out)
    return out.getvalue()


def test_users_are_added_removed_and_listed() -> None:
    """Each action prints one line per user."""
    assert run("add", "bert", "anna").splitlines() == ["bert may use this server.", "anna may use this server."]
    assert run("list").splitlines() == ["anna\tactive", "bert\tactive"]
    assert "anna may not use this server" in run("remove", "anna")
    assert run("list").splitlines() == ["anna\tinactive", "bert\tactive"]
    assert WhitelistedUser.objects.count() == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add",), "at least one user"),
        (("remove",), "at least one user"),
        (("remove", "nobody"), "'nobody'"),
        (("add", " "), "user_id: A user id is"),
        (("add", "anna", "b c"), "without spaces"),
        (("add", "anna", "--daily-images", "-1"), "daily_images: Give a whole number"),
        (("add", "anna", "--daily-images", "x"), "--daily-images"),
        (("add", "anna", "--expires", "2020-01-01"), "expires_at: This time has passed"),
        (("set", "nobody"), "'nobody'"),
        (("remove", "anna", "--expires", "2099-01-31"), "Limits and an expiry go with add and set"),
        (("invite", "anna"), "invite"),
    ],
)
def test_errors_are_one_line(arguments: tuple[str, ...], message: str) -> None:
    """There is no traceback, and nothing is written."""
    with pytest.raises(CommandError, match=message):
        run(*arguments)
    assert not WhitelistedUser.objects.exists()


def test_limits_and_expiry_are_set_and_removed() -> None:
    """Fields that are not named stay; the list shows the others."""
    terms = ("--daily-images", "10", "--daily-chats", "0", "--expires", "2099-01-31")
    assert run("add", "anna", *terms).splitlines() == ["anna may use this server."]
    assert run("list").splitlines() == ["anna\tactive\timages=10\tchats=0\texpires=2099-01-31T00:00Z"]
    assert run("set", "anna", "--daily-images", "none", "--daily-videos", "3").splitlines() == [
        "anna\tactive\tvideos=3\tchats=0\texpires=2099-01-31T00:00Z"
    ]
    assert run("set", "anna", "--expires", "none").splitlines() == ["anna\tactive\tvideos=3\tchats=0"]
    assert run("add", "anna").splitlines() == ["anna may use this server."]
    assert WhitelistedUser.objects.get().daily_videos == 3
    WhitelistedUser.objects.update(expires_at=timezone.now())
    assert run("list").startswith("anna\texpired\t")
