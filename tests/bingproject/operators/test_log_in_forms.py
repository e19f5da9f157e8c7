"""Whatever a form of the log-in page holds, it is answered and no error of the server: alike on both databases."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from axes.models import AccessAttempt
from django.test import Client

from tests.bingproject.security.authenticators import make_operator

pytestmark = pytest.mark.django_db
PAGE = "/admin/login/"
WRONG = {"username": "anna", "password": "not-the-password"}


@pytest.fixture(autouse=True)
def anna(db: None) -> None:
    """An operator."""
    make_operator()


def send_parts(client: Client, parts: dict[str, str], kind: str = "multipart/form-data; boundary=b") -> Any:
    """A form as a browser sends files; names are written as they are given, quotes and all."""
    lines = [f"--b\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n" for name, value in parts.items()]
    return client.post(PAGE, ("".join(lines) + "--b--\r\n").encode(), content_type=kind)


@pytest.mark.parametrize(
    "extra",
    [
        {"note": "a\0b"},
        {"a\0b": "note"},
        {"next": "/admin/\0"},
        {"username": "an\0na"},
        {"username": "a" * 100_000},
        {"note": "n" * 100_000},
        {"username": "an\N{REPLACEMENT CHARACTER}na"},
        {"password": "p\0"},
    ],
)
def test_odd_texts_are_answered(client: Client, extra: dict[str, str]) -> None:
    """The page again, twice: the first failure makes a row and the second adds to it."""
    for _ in range(2):
        assert client.post(PAGE, WRONG | extra).status_code == 200
    assert all(len(row.username) <= 255 for row in AccessAttempt.objects.all())


@pytest.mark.parametrize("field", ["username", "password", "note", "%ED%A0%80"])
def test_half_a_surrogate_pair_is_no_character(client: Client, field: str) -> None:
    """Three bytes that UTF-8 does not have come as U+FFFD."""
    texts = WRONG | {"note": "x"}
    body = "&".join(f"{name}={value}" for name, value in ({**texts, field: "%ED%A0%80"}).items())
    for _ in range(2):
        answer = client.post(PAGE, body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 200
    assert AccessAttempt.objects.get().failures_since_start == 2


def test_long_headers_fit_their_columns(client: Client) -> None:
    """What is kept of them is cut."""
    long = {"HTTP_USER_AGENT": "a" * 5000, "HTTP_ACCEPT": "a/b," * 1000}
    for _ in range(2):
        assert client.post(PAGE, WRONG, **long).status_code == 200  # type: ignore[arg-type]
    assert AccessAttempt.objects.get().failures_since_start == 2


@pytest.mark.parametrize(
    "part",
    [
        "name*=raw-unicode-escape''%5C%75%64%38%30%30",
        "name*=utf-8''a%00b",
        "name=file; filename*=raw-unicode-escape''%5C%75%64%38%30%30",
    ],
)
def test_a_name_may_be_in_another_encoding(client: Client, part: str) -> None:
    """What such a name holds that is no text reaches no row."""
    parts = {'name="username"': "anna", 'name="password"': "x", part: "x"}
    for _ in range(2):
        assert send_parts(client, parts).status_code == 200
    row = AccessAttempt.objects.get()
    assert row.failures_since_start == 2 and "\0" not in row.post_data


@pytest.mark.parametrize("charset", ["raw-unicode-escape", "utf-16", "utf-8; charset=latin-1"])
def test_a_form_is_utf_8(http: httpx.Client, charset: str) -> None:
    """415 before it is read: another encoding brings what is no text, and may take more than linear time."""
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    answer = http.post(PAGE, content=b"--b--", headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
