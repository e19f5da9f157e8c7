"""A log-in that is refused says what the operator has to set."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def log_in(http: httpx.Client, **headers: str) -> httpx.Response:
    """Fill the log-in's form in and send it, as a browser that has these headers would."""
    User.objects.get_or_create(username="admin")
    page = http.get("/admin/login/")
    form = {"username": "admin", "password": "x", "csrfmiddlewaretoken": page.cookies.get("csrftoken", "")}
    return http.post(
        "/admin/login/", data=form, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


def test_an_address_that_nobody_named(http: httpx.Client, settings: Any) -> None:
    """A proxy has the server under another name: the page names it, and the settings that it belongs into."""
    settings.ACCESS = "keys"
    answer = log_in(http, origin="https://nas.example")
    assert answer.status_code == 403 and answer.headers["cache-control"] == "no-store"
    assert "PUBLIC_URL=https://nas.example" in answer.text and "TRUSTED_PROXIES" in answer.text
    assert "DEBUG" not in answer.text


def test_another_address_than_the_one_it_is_set_up_for(http: httpx.Client, settings: Any) -> None:
    """Over plain http the cookie of an https site does not come back: the page leads to the right address."""
    settings.ACCESS, settings.PUBLIC_URL, settings.CSRF_COOKIE_SECURE = "keys", "https://nas.example", True
    answer = log_in(http, origin=str(http.base_url).rstrip("/"))
    assert answer.status_code == 403
    assert 'href="https://nas.example/admin/login/"' in answer.text and "X-Forwarded-Proto" in answer.text


def test_a_form_without_its_cookie(http: httpx.Client) -> None:
    """An old form, or a browser that keeps no cookies."""
    answer = http.post("/admin/login/", data={"username": "admin"}, headers={"origin": str(http.base_url).rstrip("/")})
    assert answer.status_code == 403 and "keeps no cookies" in answer.text


def test_a_form_of_nobody(http: httpx.Client, settings: Any) -> None:
    """An origin that is no address is not offered as one to set."""
    settings.ACCESS = "keys"
    answer = log_in(http, origin="null")
    assert answer.status_code == 403 and "PUBLIC_URL" not in answer.text and "another site" in answer.text
