"""Which bodies may be larger than all others: an operator's, on the pages that take files, over a real port."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from bingproject.large_forms import is_from_operator, is_large_form, may_exceed
from tests.accounts.protocol.test_pastes import entry, har
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


@pytest.mark.parametrize(
    ("announced", "may"), [("10", False), ("11", True), ("", True), ("chunked", True), ("1" * 16, True)]
)
def test_who_has_to_be_asked(announced: str, may: bool) -> None:
    """Only a body that may be above the usual limit costs a question to the database."""
    assert may_exceed(announced, 10) == may


@pytest.mark.django_db(transaction=True)  # it lets go of old connections, which would end a test's transaction
def test_an_operator_is_known_by_their_session(client: Client) -> None:
    """A session of somebody logged in; not one that is made up, nor an empty one, nor none."""
    client.force_login(User.objects.create_superuser("admin", password="x"))
    key = client.cookies["sessionid"].value
    assert is_from_operator({"cookie": f"a=b; sessionid={key}"})
    for cookie in ("", "sessionid=", "sessionid=made-up", "other=x"):
        assert not is_from_operator({"cookie": cookie})


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
    """Neither Django's own spool nor its handlers write one: both keep in memory whatever the gate lets in."""
    assert settings.FILE_UPLOAD_HANDLERS == ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
    assert settings.FILE_UPLOAD_MAX_MEMORY_SIZE >= settings.LARGE_FORM_LIMIT_BYTES
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE >= settings.LARGE_FORM_LIMIT_BYTES
