"""The control endpoints over real HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bingproject.sandbox.providers import CATALOGUE
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.conftest import Visit


def post(server: SandboxServer, route: str, **fields: Any) -> httpx.Response:
    """Call a control route."""
    return httpx.post(f"{server.url}/_sandbox/{route}", json=fields)


def get(server: SandboxServer, route: str) -> Any:
    """Read a control route."""
    return httpx.get(f"{server.url}/_sandbox/{route}").raise_for_status().json()


def test_state_tells_what_was_asked_and_taken(visit: Visit, server: SandboxServer) -> None:
    """Counts by prompt and account, the generation with its times, who runs how much."""
    alice = visit()
    alice.http.get("/images/create")
    request_id = alice.create("a cat")
    alice.poll(request_id)
    alice.submit("sandbox:busy")
    state = get(server, "state")
    assert state["submits"]["by_prompt"] == {"a cat": 1, "sandbox:busy": 1}
    assert state["submits"] | {"by_prompt": 0} == {
        "total": 2, "accepted": 1, "by_prompt": 0, "by_account": {"alice": 2}, "outcomes": {"accepted": 1, "busy": 1},
    }  # fmt: skip
    taken = state["accepted"][0]
    assert (taken["id"], taken["account"], taken["lane"], taken["rt"]) == (request_id, "alice", "fast", 4)
    assert taken["accepted_at"] <= taken["ready_at"] <= taken["first_served_at"]
    assert state["polls"] == {"total": 1, "by_id": {request_id: 1}}
    assert (state["homes"], state["violation_count"], state["violations"]) == (1, 0, [])
    assert state["accounts"]["alice"]["max_running"] == {"image": 1, "video": 0}
    assert get(server, "submits") == [
        ["a cat", request_id, "alice", taken["accepted_at"], taken["ready_at"], taken["first_served_at"]]
    ]


def test_real_cookies_are_never_told(visit: Visit, server: SandboxServer) -> None:
    """A long cookie value stands nowhere in the state."""
    secret = "1" * 120
    visit(secret).create("a cat")
    answer = httpx.get(f"{server.url}/_sandbox/state").text
    assert secret not in answer
    assert "cookie-" in answer


def test_a_rule_holds_for_the_next_submits(visit: Visit, server: SandboxServer) -> None:
    """Two are refused, for that account alone; clearing ends what is left."""
    post(server, "scenario", scenario="overload", next=2, account="alice").raise_for_status()
    alice, bob = visit(), visit("bob")
    assert [alice.submit("a").status_code, bob.submit("b").status_code] == [200, 302]
    assert post(server, "scenario", scenario=None).json() == {"rules": 0}
    assert alice.submit("c").status_code == 302


def test_a_burst_of_faults_hits_polls_of_all(visit: Visit, server: SandboxServer) -> None:
    """A poll rule counts polls, whichever the generation."""
    alice = visit()
    one, two = alice.create("one"), alice.create("two")
    post(server, "scenario", scenario="poll-http-503", next=2).raise_for_status()
    assert [alice.poll(one).status_code, alice.poll(two).status_code, alice.poll(one).status_code] == [503, 503, 200]


def test_an_account_can_be_killed_and_revived(visit: Visit, server: SandboxServer) -> None:
    """Dead, its cookie sees the anonymous page; revived, the signed-in one; its numbers can be set."""
    alice = visit()
    post(server, "account", account="alice", is_alive=False).raise_for_status()
    assert "/fd/auth/signin" in alice.http.get("/images/create").text
    changed = post(server, "account", account="alice", is_alive=True, boosts=2, image_limit=5, video_limit=1)
    assert changed.json() == {"account": "alice", "is_alive": True, "boosts": 2}
    assert 'data-tb="13"' in alice.http.get("/images/create").text
    post(server, "account", account="alice", revive_after=1).raise_for_status()
    assert "/fd/auth/signin" in alice.http.get("/images/create").text
    assert "/fd/auth/signin" not in alice.http.get("/images/create").text


def test_speeds_can_be_changed(server: SandboxServer, visit: Visit) -> None:
    """New options hold from now on."""
    assert post(server, "options", image_seconds="30-60").json()["image_seconds"] == [30, 60]
    alice = visit()
    assert alice.poll(alice.create("a cat")).text == ""


def test_reset_forgets(visit: Visit, server: SandboxServer) -> None:
    """Nothing is counted any more."""
    visit().create("a cat")
    post(server, "reset").raise_for_status()
    state = get(server, "state")
    assert (state["submits"]["total"], state["accepted"], state["accounts"]) == (0, [], {})


def test_the_catalogue_can_be_read(server: SandboxServer) -> None:
    """Each name with stage, row and effect."""
    catalogue = get(server, "scenarios")
    assert set(catalogue) == set(CATALOGUE)
    assert catalogue["busy"]["row"] == "i"


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        ("scenario", {"scenario": "bussy"}), ("scenario", {"scenario": "busy", "times": 2}),
        ("scenario", {"scenario": "busy", "next": 0}), ("scenario", {"scenario": "busy", "next": "2"}),
        ("scenario", {"scenario": "busy", "door": "front"}), ("account", {}), ("account", {"account": "a", "age": 1}),
        ("options", {"speed": 1}), ("options", {"journal": "x"}),
    ],
)  # fmt: skip
def test_a_mistake_is_told(route: str, fields: dict[str, Any], server: SandboxServer) -> None:
    """400 with the reason, so that a test with a misspelt wish does not pass."""
    answer = post(server, route, **fields)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_bodies_and_routes_that_do_not_exist(server: SandboxServer) -> None:
    """No JSON is 400, another route 404."""
    assert httpx.post(f"{server.url}/_sandbox/reset", content=b"[1]").status_code == 400
    assert httpx.post(f"{server.url}/_sandbox/reset", content=b"{").status_code == 400
    assert httpx.get(f"{server.url}/_sandbox/reset").status_code == 404
