"""What a single machine needs before it can serve: each step when it is due, and only then."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from bingproject.conf.environment import SettingError
from bingproject.server import bootstrap
from tests.bingproject.cluster.clusters import manage


def test_take_port_listens() -> None:
    """The socket takes connections at once, before any server accepts them."""
    with (
        bootstrap.take_port("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == listener.getsockname()


def test_a_taken_port_is_one_line() -> None:
    """Somebody listens there: the line names the port and another one."""
    with bootstrap.take_port("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingError, match=rf"^PORT {port} on 127\.0\.0\.1 cannot be used .* e\.g\. PORT=\d+\.$"):
            bootstrap.take_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_one_line() -> None:
    """A HOST that is not ours cannot be listened on; one that is no address is told as such."""
    with pytest.raises(SettingError, match="cannot be used"):
        bootstrap.take_port("192.0.2.1", 0)
    with pytest.raises(SettingError, match=r"^HOST must be an address of this machine"):
        bootstrap.take_port("no such host", 0)


@pytest.mark.parametrize("missing", ["bingproject.sandbox", "PIL"])
def test_a_missing_sandbox_is_one_line(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The image has neither: SANDBOX=1 says so and does not start a part that dies again and again."""
    bootstrap.require_sandbox()
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SettingError, match=r"^SANDBOX=1 needs the sandbox, .* requirements-demo\.txt\.$"):
        bootstrap.require_sandbox()


@pytest.mark.django_db
def test_migrate_has_nothing_to_do() -> None:
    """The tables are there: nothing is run."""
    assert bootstrap.migrate() is False


@pytest.mark.slow
def test_migrate_makes_the_cache_table_too(tmp_path: Path) -> None:
    """A fresh database gets every table, the cache's included, and is left alone the second time."""
    code = (
        "import django; django.setup()\n"
        "from bingproject.server import bootstrap as preparation\n"
        "from django.core.cache import cache\n"
        "print(preparation.migrate(), preparation.migrate())\n"
        "cache.set('x', 1); print(cache.get('x'))"
    )
    ran = manage(tmp_path, "shell", "-v0", "-c", code)
    assert ran.stdout.split() == ["True", "False", "1"], ran.stderr


def test_static_files_are_collected_when_something_changed(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, not again; again when the release changes or the stamp is lost."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }
    assert bootstrap.collect_static_files() is True
    assert (tmp_path / "static" / "staticfiles.json").exists()
    assert bootstrap.collect_static_files() is False
    settings.VERSION = "another"
    assert bootstrap.collect_static_files() is True
    half = next((tmp_path / "static").rglob("*.css"))
    whole = half.read_bytes()
    half.write_bytes(whole[:1])
    (tmp_path / "static" / ".collected").unlink()  # as after a Ctrl-C
    assert bootstrap.collect_static_files() is True
    assert half.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_one_line(settings: Any, tmp_path: Path) -> None:
    """STATIC_ROOT below a file: the line names the setting."""
    (tmp_path / "file").touch()
    settings.STATIC_ROOT = tmp_path / "file" / "static"
    with pytest.raises(SettingError, match=r"^STATIC_ROOT must be a folder we may write to"):
        bootstrap.collect_static_files()


@pytest.mark.django_db
def test_the_first_operator(settings: Any) -> None:
    """A random password, shown once; afterwards there is an operator and nothing to show."""
    settings.ADMIN_PASSWORD_FILE = ""
    password = bootstrap.ensure_operator()
    assert len(password) >= 16
    assert bootstrap.ensure_operator() == ""
    operator = User.objects.get()
    assert (operator.username, operator.is_superuser, operator.is_staff) == ("admin", True, True)
    assert operator.check_password(password)


@pytest.mark.django_db
def test_an_operator_whose_password_nobody_saw_is_made_again(settings: Any) -> None:
    """The start ends while the password is being shown: there is no operator, and the next start shows one."""
    settings.ADMIN_PASSWORD_FILE = ""

    def interrupted(_password: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bootstrap.ensure_operator(interrupted)
    assert not User.objects.exists()
    shown: list[str] = []
    assert bootstrap.ensure_operator(shown.append) == shown[0]
    assert User.objects.get().check_password(shown[0])


@pytest.mark.django_db
def test_the_operator_is_the_first_superuser_who_can_log_in() -> None:
    """Whoever is named on a later start can use what is said to them."""
    assert bootstrap.find_operator() == ""
    User.objects.create_superuser("gone", "", "x", is_active=False)
    User.objects.create_user("anna", "", "x", is_staff=True)
    User.objects.create_superuser("berta", "", "x")
    User.objects.create_superuser("carla", "", "x")
    assert bootstrap.find_operator() == "berta"


@pytest.mark.django_db
def test_the_operators_password_from_a_file(settings: Any, tmp_path: Path) -> None:
    """Unattended: the file's password is set and never printed."""
    path = tmp_path / "password"
    path.write_text("correct horse\n")
    settings.ADMIN_PASSWORD_FILE = str(path)
    assert bootstrap.ensure_operator() == ""
    assert get_user_model().objects.get(is_superuser=True).check_password("correct horse")


@pytest.mark.django_db
@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_password_file_without_a_password(settings: Any, tmp_path: Path, content: str | None) -> None:
    """No file or an empty one: no operator with an empty password, one line instead."""
    path = tmp_path / "password"
    if content is not None:
        path.write_text(content)
    settings.ADMIN_PASSWORD_FILE = str(path)
    with pytest.raises(SettingError, match=r"^ADMIN_PASSWORD_FILE must name a file"):
        bootstrap.ensure_operator()
    assert not User.objects.exists()
