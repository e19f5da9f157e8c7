"""Who asks: keys in either header, in both modes, over a real port."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.services import remove_whitelisted_user, revoke_api_key
from tests.factories import make_key, make_user

NO_KEYS: list[dict[str, str]] = [{}, {"Authorization": "Bearer sk-1"}, {"X-API-Key": "x"}, {"Authorization": "x"}]


@pytest.fixture(autouse=True)
def test_paths(settings: Any) -> None:
    """A path that shows its caller."""
    settings.ROOT_URLCONF = "tests.bingproject.api_urls"


def holder_of(answer: httpx.Response) -> str:
    """Whom the server took the caller for."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["holder"])


@pytest.mark.parametrize("access", ["open", "keys"])
def test_a_key_acts_as_its_user(http: httpx.Client, settings: Any, access: str) -> None:
    """In either header and any letter case of the scheme; a key of ours goes before an SDK's own."""
    settings.ACCESS = access
    caller, key = make_key(make_user("maria"))
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer   {key}"},
        {"X-API-Key": key},
        {"Authorization": "Bearer sk-anything", "X-API-Key": key},
        {"Authorization": "Basic dTpw", "X-API-Key": key},
    ):
        assert holder_of(http.get("/echo", headers=headers)) == caller.holder == "user:maria"


@pytest.mark.parametrize(
    "credentials", [{}, {"Authorization": "Bearer sk-1"}, {"X-API-Key": "x"}, {"Authorization": "x"}]
)
def test_open_mode_asks_nobody(http: httpx.Client, settings: Any, credentials: dict[str, str]) -> None:
    """Any credential that is not ours means nothing there; all these callers are one."""
    settings.ACCESS = "open"
    assert holder_of(http.get("/echo", headers=credentials)) == "open"


@pytest.mark.parametrize(
    "credentials", [{}, {"Authorization": "Bearer sk-1"}, {"X-API-Key": "x"}, {"Authorization": "x"}]
)
def test_keys_mode_asks_everybody(http: httpx.Client, settings: Any, credentials: dict[str, str]) -> None:
    """401 that names the scheme; before the body is looked at, and on asynchronous routes too."""
    settings.ACCESS = "keys"
    for answer in (
        http.get("/echo", headers=credentials),
        http.post("/echo", content=b"{", headers=credentials),
        http.post("/wait", headers=credentials),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["x-should-retry"] == "false"
    assert http.get("/public", headers=credentials).status_code == 203


@pytest.mark.parametrize("access", ["open", "keys"])
def test_a_wrong_key_of_ours_is_refused(http: httpx.Client, settings: Any, access: str) -> None:
    """Made up, cut short or revoked: 401 in every mode, and the key is not repeated."""
    settings.ACCESS = access
    caller, key = make_key()
    assert caller.key is not None
    revoke_api_key(caller.key, timezone.now())
    for text in (key, key[:-1], "bp_", "bp_made-up", "bp_\x27; DROP TABLE accounts_apikey; --"):
        answer = http.get("/echo", headers={"Authorization": f"Bearer {text}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert text not in answer.text or text == "bp_"


def test_a_removed_users_key_opens_nothing(http: httpx.Client) -> None:
    """Removing a user revokes the keys; one that was only switched off is told so."""
    caller, key = make_key()
    assert caller.user is not None
    type(caller.user).objects.filter(pk=caller.user.pk).update(is_active=False)
    answer = http.get("/echo", headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_whitelisted")
    remove_whitelisted_user(caller.user.user_id, timezone.now())
    assert http.get("/echo", headers={"X-API-Key": key}).status_code == 401
