"""Nothing that a page needs is kept from it by its own policy, and nothing it does not need is allowed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.conftest import Site
from tests.browser.operating import value
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser

# A list's own links, as the side bar has them; rows and forms are found from there.
SIDE_BAR = "[...document.querySelectorAll('#nav-sidebar a[href^=\"/admin/\"]')].map(link => link.pathname)"
ROW = "(document.querySelector('#result_list a[href*=\"/change/\"]') || {}).pathname || ''"
ADD = "(document.querySelector('a[href$=\"/add/\"]:not(#nav-sidebar a)') || {}).pathname || ''"
# What a stranger who got markup into a page would try first.
INJECTED = """
new Promise(done => {
  document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective), {once: true});
  const element = document.createElement('div');
  element.innerHTML = '<img src="data:," onerror="window.wasRun = true">';
  document.body.append(element);
  setTimeout(() => done(window.wasRun ? 'ran' : 'nothing'), 2000);
})
"""


def pages(operator: Tab, server: Site) -> Iterator[str]:
    """Every page of the side bar, with a row's and a new row's page where there are such."""
    operator.open(f"{server.url}/admin/")
    yield "/admin/"
    for path in dict.fromkeys(value(operator, SIDE_BAR)):
        operator.open(f"{server.url}{path}")
        yield path
        further = [found for found in (value(operator, ROW), value(operator, ADD)) if found]
        for found in further:
            operator.open(f"{server.url}{found}")
            yield found


def test_every_page_of_the_admin_works_under_its_policy(operator: Tab, server: Site) -> None:
    """The browser has nothing to complain of on any list, form or row; so no violation, for those are complaints."""
    server.ask("POST", "/create/image", json={"query": "a fox under a policy"})
    seen = []
    for path in pages(operator, server):
        seen.append(path)
        assert operator.faults == [], path
    assert len(seen) > 20
    for path in ("/admin/second-factor/", "/admin/password_change/", "/admin/accounts/account/1/history/"):
        operator.open(f"{server.url}{path}")
        assert operator.faults == [], path


@pytest.mark.parametrize("path", ["/", "/api/docs/", "/admin/login/"])
def test_injected_scripts_do_not_run(tab: Tab, server: Site, path: str) -> None:
    """Markup with an event handler, the usual way in, is stopped by the policy."""
    tab.open(f"{server.url}{path}")
    assert value(tab, INJECTED) == "script-src-attr"


def test_what_the_theme_cannot_do_without(tab: Tab, server: Site) -> None:
    """Alpine evaluates the pages' attributes, so strings can be made into code in the admin; nowhere else."""
    tries = "(() => { try { return new Function('return 1')() } catch (error) { return error.name } })()"
    for path, outcome in (("/admin/login/", 1), ("/api/docs/", "EvalError")):
        tab.open(f"{server.url}{path}")
        scripted = f"new Promise(done => setTimeout(() => done({tries}), 0))"
        assert value(tab, scripted) == outcome
