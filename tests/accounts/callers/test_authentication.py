"""Authentication by both headers, in both modes, over a real port."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.callers.services import remove_whitelisted_user, revoke_api_key
from tests.factories import make_key, make_user

NO_KEYS: list[dict[str, str]] = [{}, {"Authorization": "Bearer sk-1"}, {"X-API-Key": "x"}, {"Authorization": "x"}]


@pytest.fixture(autouse=True)
def test_paths(settings: Any) -> None:
    """Add a path that returns its caller."""
    settings.ROOT_URLCONF = "tests.bingproject.api.api_urls"


def caller_id_of(answer: httpx.Response) -> str:
    """Return the caller that the server found."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["caller_id"])


@pytest.mark.parametrize("access", ["open", "keys"])
def test_a_key_acts_as_its_user(http: httpx.Client, settings: Any, access: str) -> None:
    """In either header, with any case of the scheme; this server's key wins over an SDK's."""
    settings.ACCESS = access
    caller, key = make_key(make_user("maria"))
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer   {key}"},
        {"X-API-Key": key},
        {"Authorization": "Bearer sk-anything", "X-API-Key": key},
        {"Authorization": "Basic dTpw", "X-API-Key": key},
    ):
        assert caller_id_of(http.get("/echo", headers=headers)) == caller.caller_id == "user:maria"


@pytest.mark.parametrize(
    "credentials", [{}, {"Authorization": "Bearer sk-1"}, {"X-API-Key": "x"}, {"Authorization": "x"}]
)
def test_open_mode_ignores_other_credentials(http: httpx.Client, settings: Any, credentials: dict[str, str]) -> None:
    """All callers without a key of this server are one caller."""
    settings.ACCESS = "open"
    assert caller_id_of(http.get("/echo", headers=credentials)) == "open"


@pytest.mark.parametrize(
    "credentials", [{}, {"Authorization": "Bearer sk-1"}, {"X-API-Key": "x"}, {"Authorization": "x"}]
)
def test_keys_mode_requires_a_key(http: httpx.Client, settings: Any, credentials: dict[str, str]) -> None:
    """401 with the scheme, before the body is read, on asynchronous routes, too."""
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
def test_a_wrong_key_is_refused_in_every_mode(http: httpx.Client, settings: Any, access: str) -> None:
    """An invented, cut or revoked key is 401, and the answer does not repeat it."""
    settings.ACCESS = access
    caller, key = make_key()
    assert caller.key is not None
    revoke_api_key(caller.key, timezone.now())
    for text in (key, key[:-1], "bp_", "bp_made-up", "bp_\x27; DROP TABLE accounts_apikey; --"):
        answer = http.get("/echo", headers={"Authorization": f"Bearer {text}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert text not in answer.text or text == "bp_"


def test_a_removed_users_key_is_refused(http: httpx.Client) -> None:
    """Removing a user revokes the keys; a user who is only disabled gets another error."""
    caller, key = make_key()
    assert caller.user is not None
    type(caller.user).objects.filter(pk=caller.user.pk).update(is_active=False)
    answer = http.get("/echo", headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_whitelisted")
    remove_whitelisted_user(caller.user.user_id, timezone.now())
    assert http.get("/echo", headers={"X-API-Key": key}).status_code == 401
