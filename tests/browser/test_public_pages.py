"""Pages for everybody: the home page and the API's documentation, by themselves and on a phone."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from bingproject.api.openapi import EXAMPLE_USER
from tests.browser.conftest import Site
from tests.browser.operating import fill, open_list, row, save, value
from tests.browser.tab import PHONE, Tab

pytestmark = pytest.mark.browser
OBJECT = re.compile(r"\{[^{}]*\}")


def foreign(tab: Tab, server: Site) -> list[str]:
    """Addresses the page asked for that are not the server's."""
    own = urlsplit(server.url).netloc
    return [url for url in tab.requests if not url.startswith("data:") and urlsplit(url).netloc != own]


def test_home_page(tab: Tab, server: Site) -> None:
    """It says that all is ready, shows a curl for each endpoint, leads on, and holds no script and no form."""
    tab.open(f"{server.url}/")
    assert "Ready." in tab.text and "signed in" in tab.text and "running" in tab.text
    assert f"curl {server.url}/create/image" in tab.text
    assert value(tab, "document.querySelectorAll('script, form, [onclick]').length") == 0
    for link in value(tab, "[...document.links].map(link => link.href)"):
        assert httpx.get(link, follow_redirects=True).status_code == 200
    assert foreign(tab, server) == [] and tab.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_home_page_follows_the_systems_colours(tab: Tab, server: Site, scheme: str) -> None:
    """Dark letters on light, light ones on dark."""
    tab.prefer(scheme)
    tab.open(f"{server.url}/")
    brightness = "(([r, g, b]) => Number(r) + Number(g) + Number(b))(getComputedStyle(document.body).{}.match(/\\d+/g))"
    paper, letters = (value(tab, brightness.format(name)) for name in ("backgroundColor", "color"))
    assert (paper > letters) == (scheme == "light")


def test_documentation(tab: Tab, server: Site) -> None:
    """Every operation of the description is shown, from local files alone, without a complaint of the browser."""
    tab.open(f"{server.url}/api/docs/")
    tab.page.locator(".opblock").first.wait_for()
    shown = value(
        tab,
        "[...document.querySelectorAll('.opblock')].map(block => [block.querySelector('.opblock-summary-method')"
        ".innerText.toLowerCase(), block.querySelector('.opblock-summary-path').dataset.path])",
    )
    schema = httpx.get(f"{server.url}/api/schema/", headers={"Accept": "application/json"}).json()
    described = [[method, path] for path, methods in schema["paths"].items() for method in methods]
    assert len(described) > 5 and sorted(shown) == sorted(described)
    assert foreign(tab, server) == [] and tab.faults == []


def test_trying_an_operation_in_the_documentation(tab: Tab, server: Site) -> None:
    """“Try it out” works on the server's own page: the same origin is let in."""
    tab.open(f"{server.url}/api/docs/")
    tab.page.locator('.opblock-summary-path[data-path="/options"]').click()
    for button in (".try-out__btn", ".execute"):
        tab.page.locator(button).click()
    assert "200" in tab.page.locator(".live-responses-table tbody .response-col_status").inner_text()
    assert "GPT4O" in tab.text and tab.faults == []


def examples_of(site: Site) -> dict[tuple[str, str], dict[str, Any]]:
    """Every example of a body in the API's description, by path and media type."""
    schema = httpx.get(f"{site.url}/api/schema/", headers={"Accept": "application/json"}).json()
    return {
        (path, media_type): example["value"]
        for path, methods in schema["paths"].items()
        for media_type, body in methods.get("post", {}).get("requestBody", {}).get("content", {}).items()
        for example in body["examples"].values()
    }


def admit_user_of_examples(operator: Tab, site: Site) -> None:
    """The demo has this user."""
    open_list(operator, site, "accounts/whitelisteduser", EXAMPLE_USER)
    if row(operator, EXAMPLE_USER).count() == 0:
        operator.open(f"{site.url}/admin/accounts/whitelisteduser/add/")
        fill(operator, user_id=EXAMPLE_USER)
        save(operator)


def execute(tab: Tab, path: str, media_type: str = "") -> str:
    """“Try it out” and “Execute” of an operation, nothing typed; what the page says of the answer."""
    summary = tab.page.locator(f'.opblock-summary-path[data-path="{path}"]')
    block = tab.page.locator(".opblock").filter(has=summary)
    summary.click()
    if block.locator(".btn-clear").count():  # it was tried before
        block.locator(".btn-clear").click()
    else:
        block.locator(".try-out__btn").click()
    if media_type:
        block.locator(".opblock-section-request-body select").first.select_option(media_type)
    block.locator(".execute").click()
    block.locator(".live-responses-table tbody .response-col_status").first.wait_for(timeout=60_000)
    said = block.locator(".live-responses-table").inner_text()
    summary.click()
    return said


def test_asking_in_a_conversation_works_as_printed(operator: Tab, server: Site) -> None:
    """`/chatgpt` gets the values of the last conversation that was opened on the page, or of one it opens itself."""
    admit_user_of_examples(operator, server)
    for media_type in ("application/json", "application/x-www-form-urlencoded"):
        operator.open(f"{server.url}/api/docs/")
        operator.requests.clear()
        answer = json.loads(OBJECT.findall(execute(operator, "/chatgpt", media_type))[0])
        assert answer["message"] and answer["invocationId"] == 1
        asked_for = [urlsplit(url).path for url in operator.requests if "/static/" not in url]
        assert asked_for == ["/create_conversation", "/chatgpt"]
        opened = json.loads(OBJECT.findall(execute(operator, "/create_conversation"))[0])
        asked = json.loads(OBJECT.findall(execute(operator, "/chatgpt"))[0])
        assert asked["conversationId"] == opened["conversationId"] != answer["conversationId"]
    assert operator.faults == []


def test_every_example_of_the_description_is_answered(operator: Tab, server: Site) -> None:
    """As it stands, as JSON and as a form; a question in a conversation with what opening one has answered."""
    admit_user_of_examples(operator, server)
    examples = examples_of(server)
    assert {path for path, _ in examples} >= {"/create/image", "/create/video", "/chatgpt", "/v1/chat/completions"}
    for (path, media_type), body in examples.items():
        if path == "/chatgpt":
            opened = server.http.post(f"{server.url}/create_conversation", json={"userId": "demo"}).json()
            body |= {name: opened[name] for name in body if name in opened}
        is_json = media_type == "application/json"
        sent = json.dumps(body) if is_json else urlencode(body)
        answer = server.http.post(f"{server.url}{path}", content=sent, headers={"Content-Type": media_type})
        assert answer.status_code in (200, 202), (path, media_type, answer.text)


@pytest.mark.parametrize("path", ["/create/image", "/create/video", "/create_conversation"])
def test_an_example_is_sent_as_a_form_at_a_click(operator: Tab, server: Site, path: str) -> None:
    """Its fields have the example's values, and where there is a choice the default one."""
    admit_user_of_examples(operator, server)
    operator.open(f"{server.url}/api/docs/")
    with operator.page.expect_request(f"{server.url}{path}", timeout=60_000) as sent:
        said = execute(operator, path, "application/x-www-form-urlencoded")
    assert '"error": {' not in said
    example = examples_of(server)[path, "application/x-www-form-urlencoded"]
    assert set(parse_qsl(sent.value.post_data or "")) >= {(name, str(value)) for name, value in example.items()}
    assert operator.faults == []


@pytest.mark.parametrize("path", ["/create/image", "/v1/chat/completions", "/v1/images/generations"])
def test_an_example_is_sent_at_a_click(tab: Tab, server: Site, path: str) -> None:
    """“Try it out” and “Execute”, nothing typed; the opened operation is a few screens long."""
    tab.open(f"{server.url}/api/docs/")
    tab.page.locator(f'.opblock-summary-path[data-path="{path}"]').click()
    block = tab.page.locator(".opblock.is-open")
    block.locator(".try-out__btn").wait_for()
    assert block.bounding_box()["height"] < 4000  # type: ignore[index]  # it is on the page
    for button in (".try-out__btn", ".execute"):
        block.locator(button).click()
    status = block.locator(".live-responses-table tbody .response-col_status").first
    status.wait_for(timeout=60_000)
    assert "200" in status.inner_text() and tab.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_documentation_follows_the_systems_colours(tab: Tab, server: Site, scheme: str) -> None:
    """Dark letters on light, light ones on dark."""
    tab.prefer(scheme)
    tab.open(f"{server.url}/api/docs/")
    tab.page.locator(".opblock").first.wait_for()
    brightness = "(([r, g, b]) => Number(r) + Number(g) + Number(b))(getComputedStyle({}).{}.match(/\\d+/g))"
    paper = value(tab, brightness.format("document.body", "backgroundColor"))
    letters = value(tab, brightness.format("document.querySelector('.opblock-tag')", "color"))
    assert (paper > letters) == (scheme == "light")


@pytest.mark.parametrize("path", ["/", "/api/docs/", "/admin/login/"])
def test_on_a_phone(tab: Tab, server: Site, path: str) -> None:
    """Nothing is wider than the screen."""
    tab.resize(*PHONE)
    tab.open(f"{server.url}{path}")
    assert not tab.has_sideways_scroll
