"""Pages for everybody: the home page and the API's documentation, by themselves and on a phone."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest

from tests.browser.conftest import Site
from tests.browser.operating import value
from tests.browser.tab import PHONE, Tab

pytestmark = pytest.mark.browser


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


@pytest.mark.parametrize("path", ["/", "/api/docs/", "/admin/login/"])
def test_on_a_phone(tab: Tab, server: Site, path: str) -> None:
    """Nothing is wider than the screen."""
    tab.resize(*PHONE)
    tab.open(f"{server.url}{path}")
    assert not tab.has_sideways_scroll
