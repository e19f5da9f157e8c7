"""Which bodies may be larger than all others: an operator's, on the pages that take files, over a real port."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from bingproject.edge.form_limits import form_limit_bytes, is_large_form
from bingproject.security import second_factor
from bingproject.security.roles import OPERATOR, VIEWER
from tests.accounts.microsoft.protocol.test_paste_formats import entry, har
from tests.servers import LiveServer

MEGABYTE = 1024 * 1024
ADD = "/admin/accounts/account/add/"
SECRET = "the-secret-cookie-value-of-anna-wxyz"


@pytest.fixture
def browser(site: LiveServer) -> Iterator[httpx.Client]:
    """An operator's browser at the real server: logged in, with the form's token."""
    client = Client()
    client.force_login(User.objects.create_superuser("admin", password="x"))
    with httpx.Client(base_url=site.url, timeout=60) as browser:
        browser.cookies.set("sessionid", client.cookies["sessionid"].value)
        browser.get(ADD)
        yield browser


def send(browser: httpx.Client, path: str, *, upload: str = "", **fields: str) -> httpx.Response:
    """Send the account's form as a browser does, in parts."""
    token = browser.cookies.get("csrftoken", "")
    values = {
        "name": "anna",
        "kind": "bing",
        "is_enabled": "on",
        "proxy": "",
        "user_agent": "",
        "notes": "",
        "new_cookies": "",
    }
    files = {"cookies_file": ("bing.har", upload.encode(), "application/json")} if upload else {"cookies_file": b""}
    return browser.post(path, data={**values, **fields, "csrfmiddlewaretoken": token}, files=files)


def large_har(megabytes: int, cookie: str = f"_U={SECRET}") -> str:
    """A HAR of about this size, nearly all of it one answer's text."""
    page = entry("https://www.bing.com/images/create", cookie)
    page["response"]["content"]["text"] = "x" * (megabytes * MEGABYTE)
    return har(page)


@pytest.mark.parametrize(
    ("path", "is_large"),
    [
        (ADD, True),
        ("/admin/accounts/account/7/change/", True),
        ("/admin/accounts/account/", False),
        ("/admin/accounts/account/x/change/", False),
        ("/admin/accounts/apikey/add/", False),
        ("/admin/login/", False),
        ("/create/image", False),
    ],
)
def test_which_paths_take_files(path: str, is_large: bool) -> None:
    """Those of an account's form, and no others."""
    assert is_large_form(path) == is_large


def limit_of(client: Client, path: str) -> int:
    """What the client's session may post to a page."""
    return form_limit_bytes(path, {"cookie": f"a=b; sessionid={client.cookies['sessionid'].value}"})


def log_in(client: Client, group: str = "", **options: Any) -> User:
    """A person's session, without a password."""
    user = User.objects.create_user("anna", password="x", **{"is_staff": True, **options})
    if group:
        user.groups.add(Group.objects.get(name=group))
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


IMPORT = "/admin/accounts/whitelisteduser/import/"
CHANGE = "/admin/accounts/account/7/change/"


# It lets go of old connections, which would end a test's transaction.
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize(
    ("group", "options", "megabytes"),
    [
        (OPERATOR, {}, {ADD: 33, CHANGE: 33, IMPORT: 33, "/admin/": 1}),
        (VIEWER, {}, {ADD: 1, CHANGE: 1, IMPORT: 1, "/admin/": 1}),
        ("", {"is_superuser": True}, {ADD: 33, CHANGE: 33, IMPORT: 33, "/admin/": 1}),
        (OPERATOR, {"is_staff": False}, {ADD: 0, "/admin/": 0}),
        (OPERATOR, {"is_active": False}, {ADD: 0, "/admin/": 0}),
    ],
    ids=["operator", "viewer", "superuser", "no staff", "inactive"],
)
def test_who_may_send_large_forms(
    client: Client, group: str, options: dict[str, Any], megabytes: dict[str, int]
) -> None:
    """Operators with the page's permission; others who are logged in as much as any caller; nobody else."""
    log_in(client, group, **options)
    assert {path: limit_of(client, path) // MEGABYTE for path in megabytes} == megabytes


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_session_without_its_second_factor_may_send_no_more_than_a_stranger(client: Client) -> None:
    """A password alone opens nothing, until the code has been shown."""
    user = log_in(client, is_superuser=True)
    second_factor.begin(user)
    assert limit_of(client, ADD) == 33 * MEGABYTE
    device = user.authenticator_set.get()
    device.confirmed = True
    device.save()
    assert limit_of(client, ADD) == 0
    session = client.session
    session["otp_device_id"] = device.persistent_id
    session.save()
    assert limit_of(client, ADD) == 33 * MEGABYTE


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cookie", ["", "sessionid=", "sessionid=made-up", "other=x"])
def test_no_session_is_a_stranger(cookie: str) -> None:
    """Made up, empty, or none."""
    assert form_limit_bytes(ADD, {"cookie": cookie}) == 0


@pytest.mark.parametrize("way", ["pasted", "uploaded"])
def test_a_har_of_20_mb_is_read_in_memory(browser: httpx.Client, way: str) -> None:
    """Pasted or uploaded: the account is made of it, and no file was written on the way."""
    files: set[str] = set()
    folder, process = tempfile.gettempdir(), psutil.Process()
    before = set(Path(folder).iterdir())
    text = large_har(20)
    known = {found.path for found in process.open_files()}
    answer = send(browser, ADD, **({"new_cookies": text} if way == "pasted" else {"upload": text}))
    files |= {found.path for found in process.open_files() if found.path.startswith(folder)} - known
    assert answer.status_code == 302, answer.text[-2000:]
    assert Account.objects.get().cookies == {"_U": SECRET}
    assert not {path for path in files if "sqlite" not in path}
    assert not {path for path in set(Path(folder).iterdir()) - before if path.name.startswith("tmp")}


def test_a_har_of_20_mb_without_cookies_is_an_error_at_the_field(browser: httpx.Client) -> None:
    """What is wrong with it is said; nothing is made."""
    answer = send(browser, ADD, upload=large_har(20, ""))
    assert answer.status_code == 200
    assert "This is a HAR with requests to bing.com, but the browser left the cookies out." in answer.text
    assert not Account.objects.exists()


def test_more_than_that_is_cut_off(browser: httpx.Client) -> None:
    """413, as everywhere."""
    assert send(browser, ADD, upload="x" * (33 * MEGABYTE)).status_code == 413
    assert not Account.objects.exists()


@pytest.mark.parametrize("path", ["/admin/accounts/whitelisteduser/add/", "/admin/login/", "/create/image"])
def test_nowhere_else_may_a_body_be_so_large(browser: httpx.Client, path: str) -> None:
    """An operator's browser has no larger bodies on other pages."""
    assert send(browser, path, upload="x" * (2 * MEGABYTE)).status_code == 413


def test_a_strangers_body_is_as_small_as_ever(site: LiveServer) -> None:
    """Nobody has us keep 32 MiB without a log-in."""
    with httpx.Client(base_url=site.url, timeout=60) as stranger:
        assert send(stranger, ADD, upload="x" * (2 * MEGABYTE)).status_code == 413
        stranger.cookies.set("sessionid", "made-up")
        assert send(stranger, ADD, upload="x" * (2 * MEGABYTE)).status_code == 413
    assert reverse("admin:accounts_account_add") == ADD


def test_no_upload_ever_goes_to_a_file(settings: Any) -> None:
    """Neither Django's own spool nor its handlers write one: both keep in memory every body within the limits."""
    assert settings.FILE_UPLOAD_HANDLERS == ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
    assert settings.FILE_UPLOAD_MAX_MEMORY_SIZE >= settings.LARGE_FORM_LIMIT_BYTES
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE >= settings.LARGE_FORM_LIMIT_BYTES
