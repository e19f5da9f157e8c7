"""Log-ins that are tried too often: five wrong ones for a name from an address lock both for a quarter of an hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from axes.models import AccessAttempt, AccessLog
from django.test import Client, RequestFactory
from django.utils import timezone

from bingproject.cluster.database_identity import prune_records
from bingproject.security.lockout import address_of
from tests.bingproject.security.authenticators import PASSWORD, make_operator, send_password
from tests.servers import LiveServer

pytestmark = pytest.mark.django_db
LOCKED = "Too many wrong log-ins"


@pytest.fixture(autouse=True)
def anna(db: None) -> None:
    """An operator."""
    make_operator()


def try_often(client: Client, count: int = 5, **headers: Any) -> list[int]:
    """Wrong passwords one after the other; the statuses."""
    wrong = {"username": "anna", "password": "not-the-password"}
    return [client.post("/admin/login/", wrong, **headers).status_code for _ in range(count)]


def test_five_wrong_ones_lock(client: Client) -> None:
    """The fifth says so with 429, plainly; then the right password is refused too, and nothing of it is kept."""
    assert try_often(client) == [200, 200, 200, 200, 429]
    locked = client.post("/admin/login/", {"username": "anna", "password": PASSWORD})
    text = locked.content.decode()
    assert locked.status_code == 429 and locked["Retry-After"] == "900"
    assert LOCKED in text and "Wait 15 minutes" in text and "axes_reset_username" in text
    assert "unfold" in text and "Content-Security-Policy" in locked
    assert client.get("/admin/").status_code == 302
    row = AccessAttempt.objects.get()
    assert row.failures_since_start == 5
    for kept in (row.post_data, row.get_data, text):
        assert PASSWORD not in kept and "not-the-password" not in kept


def test_the_lock_ends_by_itself(client: Client) -> None:
    """After a quarter of an hour, which further tries do not make longer."""
    try_often(client, 9)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    assert LOCKED in send_password(client)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert LOCKED not in send_password(client)
    assert client.get("/admin/").status_code == 200


def test_a_success_starts_anew(client: Client) -> None:
    """Four wrong ones, a right one, four wrong ones: nothing is locked."""
    for _ in range(2):
        assert 429 not in try_often(client, 4)
        assert LOCKED not in send_password(client)
        client.post("/admin/logout/")


def test_only_this_name_from_this_address(client: Client) -> None:
    """Others from there, and the operator from elsewhere, log in; another browser of the same address does not help."""
    make_operator("bert")
    assert try_often(client, headers={"user-agent": "one"})[-1] == 429
    assert 429 in try_often(Client(), 1, headers={"user-agent": "two"})
    assert LOCKED not in send_password(Client(), "bert")
    assert LOCKED not in send_password(Client(REMOTE_ADDR="192.0.2.9"))


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::1"),
        ("", None),
    ],
)
def test_what_counts_as_an_address(peer: str, counted: str | None) -> None:
    """Of IPv6 the network, since one customer has all of it; none over a local socket."""
    assert address_of(RequestFactory().get("/", REMOTE_ADDR=peer)) == counted


@pytest.fixture
def behind_a_proxy(site: LiveServer, settings: Any) -> Iterator[httpx.Client]:
    """The real server, reached through a trusted proxy, with an operator."""
    settings.ACCESS, settings.TRUSTED_PROXIES = "keys", ["127.0.0.1"]
    with httpx.Client(base_url=site.url) as client:
        yield client


def try_from(client: httpx.Client, forwarded: str) -> int:
    """A wrong password by way of the proxy."""
    page = client.get("/admin/login/", headers={"x-forwarded-for": forwarded})
    token = page.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    wrong = {"username": "anna", "password": "wrong", "csrfmiddlewaretoken": token}
    return client.post("/admin/login/", data=wrong, headers={"x-forwarded-for": forwarded}).status_code


@pytest.mark.django_db(transaction=True)
def test_behind_a_proxy_the_caller_counts(behind_a_proxy: httpx.Client) -> None:
    """Not the proxy, or all would be locked out with one; and not what the caller claims in front of it."""
    make_operator("carl")  # the transaction of the fixture above is not this one's
    assert [try_from(behind_a_proxy, f"198.51.100.{n}, 192.0.2.9") for n in range(5)][-1] == 429
    assert try_from(behind_a_proxy, "192.0.2.10") == 200
    assert set(AccessAttempt.objects.values_list("ip_address", flat=True)) == {"192.0.2.9", "192.0.2.10"}


def test_log_ins_are_remembered_for_a_while(client: Client) -> None:
    """Who, when, from where; failures for a day, successes for 90."""
    send_password(client)
    try_often(Client(), 1)
    assert AccessLog.objects.get().username == "anna"
    now = timezone.now()
    for days, left in ((0, (1, 1)), (2, (0, 1)), (91, (0, 0))):
        for model in (AccessAttempt, AccessLog):
            model.objects.update(attempt_time=now - timedelta(days=days, minutes=1))
        prune_records()
        assert (AccessAttempt.objects.count(), AccessLog.objects.count()) == left
