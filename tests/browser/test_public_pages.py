"""Pages for everybody: the home page and the API's documentation, by themselves and on a phone."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest

from tests.browser.chromium import PHONE, Page
from tests.browser.conftest import Site

pytestmark = pytest.mark.browser


def foreign(page: Page, server: Site) -> list[str]:
    """Addresses the page asked for that are not the server's."""
    own = urlsplit(server.url).netloc
    return [url for url in page.requests if not url.startswith("data:") and urlsplit(url).netloc != own]


def test_home_page(page: Page, server: Site) -> None:
    """It says that all is ready, shows a curl for each endpoint, leads on, and holds no script and no form."""
    page.open(f"{server.url}/")
    assert "Ready." in page.text and "signed in" in page.text and "running" in page.text
    assert f"curl {server.url}/create/image" in page.text
    assert page.evaluate("document.querySelectorAll('script, form, [onclick]').length") == 0
    for link in page.evaluate("[...document.links].map(link => link.href)"):
        assert httpx.get(link, follow_redirects=True).status_code == 200
    assert foreign(page, server) == [] and page.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_home_page_follows_the_systems_colours(page: Page, server: Site, scheme: str) -> None:
    """Dark letters on light, light ones on dark."""
    page.prefer(scheme)
    page.open(f"{server.url}/")
    brightness = "(([r, g, b]) => Number(r) + Number(g) + Number(b))(getComputedStyle(document.body).{}.match(/\\d+/g))"
    paper, letters = (page.evaluate(brightness.format(name)) for name in ("backgroundColor", "color"))
    assert (paper > letters) == (scheme == "light")


def test_documentation(page: Page, server: Site) -> None:
    """Every operation of the description is shown, from local files alone, without a complaint of the browser."""
    page.open(f"{server.url}/api/docs/")
    page.wait("document.querySelector('.opblock')")
    shown = page.evaluate(
        "[...document.querySelectorAll('.opblock')].map(block => [block.querySelector('.opblock-summary-method')"
        ".innerText.toLowerCase(), block.querySelector('.opblock-summary-path').dataset.path])"
    )
    schema = httpx.get(f"{server.url}/api/schema/", headers={"Accept": "application/json"}).json()
    described = [[method, path] for path, methods in schema["paths"].items() for method in methods]
    assert len(described) > 5 and sorted(shown) == sorted(described)
    assert foreign(page, server) == [] and page.faults == []


def test_trying_an_operation_in_the_documentation(page: Page, server: Site) -> None:
    """“Try it out” works on the server's own page: the same origin is let in."""
    page.open(f"{server.url}/api/docs/")
    page.wait("document.querySelector('.opblock-summary-path[data-path=\"/options\"]')")
    page.click('.opblock-summary-path[data-path="/options"]')
    for button in (".try-out__btn", ".execute"):
        page.wait(f"document.querySelector('{button}')")
        page.click(button)
    page.wait("document.querySelector('.live-responses-table tbody .response-col_status')")
    assert "200" in page.evaluate(
        "document.querySelector('.live-responses-table tbody .response-col_status').innerText"
    )
    assert "GPT4O" in page.text and page.faults == []


@pytest.mark.parametrize("path", ["/", "/api/docs/", "/admin/login/"])
def test_on_a_phone(page: Page, server: Site, path: str) -> None:
    """Nothing is wider than the screen."""
    page.resize(*PHONE)
    page.open(f"{server.url}{path}")
    assert not page.has_sideways_scroll
