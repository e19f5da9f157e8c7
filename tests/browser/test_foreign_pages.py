"""Somebody else's page, open in the operator's browser, gets nothing done on a server that asks for no key."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.browser.conftest import Site
from tests.browser.operating import value
from tests.browser.tab import Tab
from tests.rig.servers import wait_for

pytestmark = pytest.mark.browser


class Answers(BaseHTTPRequestHandler):
    """A page that does nothing by itself."""

    def do_GET(self) -> None:
        """The same page, whatever is asked for."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,><title>Somebody else</title><p>Hello")

    def log_message(self, *_words: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost"])
def stranger(request: pytest.FixtureRequest) -> Iterator[str]:
    """Another server on this machine: another port alone, and another name besides (another site, for a browser)."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://{request.param}:{other.server_port}/"
        other.shutdown()


def prompts(server: Site) -> list[str]:
    """Every prompt in the server's newest tasks."""
    return [task["prompt"] for task in server.ask("GET", "/tasks", params={"limit": 100})["tasks"]]


def send_form(tab: Tab, form: str) -> int:
    """Put a form into the page and have it send itself; the status it lands on."""
    with tab.page.expect_navigation(wait_until="load") as navigation:
        value(tab, f"() => {{ document.body.innerHTML = {json.dumps(form)}; document.forms[0].submit(); }}")
    return navigation.value.status


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Content-Type": "application/json"}, "mode": "cors"},
        {"headers": {"Content-Type": "text/plain"}, "mode": "cors"},
        {"headers": {"Content-Type": "application/x-www-form-urlencoded"}, "mode": "no-cors"},
    ],
    ids=["preflighted", "simple", "no-cors"],
)
def test_scripts_are_refused(tab: Tab, server: Site, stranger: str, options: dict[str, object]) -> None:
    """fetch() learns nothing and makes no task, whichever way it asks."""
    prompt = f"stolen {secrets.token_hex(8)}"
    is_form = options["mode"] == "no-cors"
    body = f"query={prompt}" if is_form else json.dumps({"query": prompt})
    wish = json.dumps({**options, "method": "POST", "body": body, "credentials": "include"})
    tab.open(stranger)
    answer = value(
        tab,
        f"fetch('{server.url}/create/image', {wish})"
        ".then(answer => answer.text().then(text => answer.type + text), error => error.name)",
    )
    assert answer == ("opaque" if is_form else "TypeError")
    assert prompt not in prompts(server)


def test_nothing_can_be_read(tab: Tab, server: Site, stranger: str) -> None:
    """Neither tasks nor condition."""
    tab.open(stranger)
    for path in ("/tasks", "/health", "/options", "/api/schema/"):
        assert value(tab, f"fetch('{server.url}{path}').then(() => 'read', error => error.name)") == "TypeError"


def test_forms_are_refused(tab: Tab, server: Site, stranger: str) -> None:
    """A form that sends itself lands on a refusal."""
    prompt = f"stolen {secrets.token_hex(8)}"
    tab.open(stranger)
    form = f'<form method=post action="{server.url}/create/image"><input name=query value="{prompt}"></form>'
    assert send_form(tab, form) == 403
    assert "origin_not_allowed" in tab.text
    assert prompt not in prompts(server)


def test_images_and_frames_are_refused(tab: Tab, server: Site, stranger: str) -> None:
    """Neither loads: an image of another site gets nothing, and no page of ours lets itself be framed."""
    tab.open(stranger)
    loads = (
        "new Promise(done => {{ const image = new Image(); image.onload = () => done('loaded');"
        "image.onerror = () => done('refused'); image.src = '{}'; }})"
    )
    assert value(tab, loads.format(f"{server.url}/create/image?query=stolen")) == "refused"
    frame = f"<iframe src='{server.url}/'></iframe>"
    value(tab, f"document.body.innerHTML = {json.dumps(frame)}")
    wait_for(lambda: value(tab, "true") and "net::ERR_BLOCKED_BY_RESPONSE" in tab.failures, "the refusal")


def test_the_operators_session_is_of_no_use_to_others(operator: Tab, server: Site, stranger: str) -> None:
    """Logged in or not: a stranger's form cannot change an account, and its scripts read no page of the admin."""
    tab = operator
    tab.open(f"{server.url}/admin/accounts/account/")
    row = value(tab, "document.querySelector('[name=_selected_action]').value")
    tab.open(stranger)
    form = (
        f'<form method=post action="{server.url}/admin/accounts/account/"><input name=action value=disable>'
        f'<input name=_selected_action value="{row}"></form>'
    )
    assert send_form(tab, form) == 403
    tab.open(stranger)
    read = f"fetch('{server.url}/admin/', {{credentials: 'include'}}).then(() => 'read', error => error.name)"
    assert value(tab, read) == "TypeError"
    assert server.ask("GET", "/health")["cookie"] == "set"
