"""A stand-in of a test's own, as docs/adding-a-provider.md describes it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bingproject.sandbox.core.control import PREFIX, Control
from bingproject.sandbox.core.exchange import Request, SandboxReply
from bingproject.sandbox.core.options import ProviderOption
from bingproject.sandbox.core.provider import SandboxProvider, SandboxRoute, ServeSocket
from bingproject.sandbox.core.scenario import Scenario, Stage
from bingproject.sandbox.core.scenarios import Scenarios
from bingproject.sandbox.core.state import SandboxState
from bingproject.sandbox.core.tokens import SandboxTokenRules, read_token
from bingproject.sandbox.providers import DEFAULTS, build_catalogue


class EchoSite:
    """Answers one path."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state

    def find_route(self, request: Request) -> SandboxRoute | None:
        """Answer /echo."""
        return SandboxRoute(lambda _request, body: SandboxReply(body), 100) if request.path == "/echo" else None

    def find_socket(self, _path: str) -> ServeSocket | None:
        """Serve none."""
        return None

    def close(self) -> None:
        """Hold nothing."""


ECHO = SandboxProvider(
    name="echo",
    chat_label="the echo",
    open_site=EchoSite,
    scenarios=(Scenario("echo-twice", Stage.ANSWER, "1", "says it twice"),),
    aliases={"twice": "echo-twice"},
    token=SandboxTokenRules("https://echo.example", "Echo.Read"),
    options=(ProviderOption("echo_limit", 5, "characters"),),
    doors=frozenset({"front"}),
)


@pytest.fixture
def control() -> Control:
    """The control endpoints of a sandbox that has this stand-in alone."""
    return Control(SandboxState(DEFAULTS, Scenarios(build_catalogue([ECHO])), ["echo"]), [ECHO])


def ask(control: Control, method: str, route: str, **wanted: Any) -> tuple[int, Any]:
    """Ask the control endpoints for something."""
    scope = {"type": "http", "method": method, "path": PREFIX + route, "query_string": b"", "headers": []}
    reply = control.route(Request(scope), json.dumps(wanted).encode())
    return reply.status, json.loads(reply.body)


def test_its_counts_stand_under_its_name(control: Control) -> None:
    """No other chat is named."""
    state = ask(control, "GET", "state")[1]
    assert state["echo"]["turns"] == 0
    assert "copilot" not in state


def test_its_scenarios_and_doors_are_known(control: Control) -> None:
    """By name and by alias; a door that it does not have is refused by name."""
    assert set(ask(control, "GET", "scenarios")[1]) == {"echo-twice", "twice"}
    assert ask(control, "POST", "scenario", scenario="twice", door="front") == (200, {"rules": 1})
    assert ask(control, "POST", "scenario", scenario="twice", door="back") == (400, {"error": "door is one of front"})


def test_its_tokens_can_be_made(control: Control) -> None:
    """For its own audience; another service's name is refused."""
    answer = ask(control, "POST", "token", service="echo", account="alice")[1]
    token = read_token(answer["token"])
    assert token is not None and ECHO.token is not None and token.audience == ECHO.token.audience
    assert ask(control, "POST", "token", service="m365", account="alice")[0] == 400
