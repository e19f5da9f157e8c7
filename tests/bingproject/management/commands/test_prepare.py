"""`manage.py prepare`: everything is there before the parts start, as `serve` would have made it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from accounts.models import Account
from bingproject.conf.environment import SettingError
from bingproject.models import Installation
from tests.bingproject.cluster.clusters import manage

COOKIE = "a-cookie-of-an-operator"


@pytest.mark.slow
def test_from_nothing(tmp_path: Path) -> None:
    """A fresh database: tables, operator and account; the second time nothing changes and nothing secret is said."""
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    settings = {
        "DJANGO_SETTINGS_MODULE": "bingproject.settings",
        "ADMIN_PASSWORD_FILE": str(password),
        "BING_COOKIE_U": COOKIE,
    }
    show = (
        "from accounts.models import Account; from django.contrib.auth.models import User; "
        "print(*[(one.name, one.cookies) for one in Account.objects.all()]); "
        "print(*[(one.username, one.check_password('correct horse')) for one in User.objects.all()])"
    )
    for _ in range(2):
        done = manage(tmp_path, "prepare", **settings)
        assert (done.returncode, done.stdout) == (0, "Tables are up to date.\n"), done.stderr
        shown = manage(tmp_path, "shell", "--verbosity", "0", "-c", show, **settings).stdout
        assert shown == f"('default', {{'_U': '{COOKIE}'}})\n('admin', True)\n"


@pytest.mark.django_db
def test_only_what_is_asked_for(settings: Any) -> None:
    """No operator with a password that only a log knows, and no account; the groups are brought up to date."""
    settings.ADMIN_PASSWORD_FILE = settings.BING_COOKIE_U = ""
    Group.objects.get(name="viewer").permissions.clear()
    call_command("prepare", stdout=StringIO())
    assert not User.objects.exists() and not Account.objects.exists()
    assert Installation.objects.exists()
    assert Group.objects.get(name="viewer").permissions.exists()


@pytest.mark.django_db
def test_what_cannot_be_used_is_one_line(settings: Any, tmp_path: Path) -> None:
    """The parts that wait for this step do not start then."""
    settings.ADMIN_PASSWORD_FILE = str(tmp_path / "nowhere")
    with pytest.raises(SettingError, match=r"^ADMIN_PASSWORD_FILE must name a file"):
        call_command("prepare", stdout=StringIO())
    settings.ADMIN_PASSWORD_FILE, settings.BING_COOKIE_U = "", '[{"name": "other", "value": "hidden"}]'
    with pytest.raises(SettingError, match=r"^BING_COOKIE_U cannot be used"):
        call_command("prepare", stdout=StringIO())
