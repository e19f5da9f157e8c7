"""Pages update themselves while somebody looks at them: without a reload, without taking away what is being done."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site
from tests.browser.operating import open_list, row, value
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
LATER = {"Prefer": "respond-async"}
PATIENCE_MS = 30_000


@pytest.fixture
def slow(server: Site) -> Iterator[Site]:
    """A server whose pictures take some seconds."""
    server.arrange("options", image_seconds=4)
    yield server
    server.arrange("options", image_seconds=0)


def ask(site: Site, prompt: str) -> str:
    """The id of a task that was just asked for."""
    return str(site.ask("POST", "/create/image", json={"query": prompt}, headers=LATER)["taskId"])


def stays(tab: Tab) -> None:
    """Mark the page, so that a reload is noticed."""
    value(tab, "(window.isTheSame = true)")


def test_a_task_is_seen_to_end(operator: Tab, slow: Site) -> None:
    """From queued to its pictures; then the page rests and offers another try."""
    task_id = ask(slow, "a slow fox")
    operator.open(f"{slow.url}/admin/creator/task/{task_id}/change/")
    expect(operator.page.locator("[data-live-note]")).to_have_text("Updates by itself.")
    expect(operator.page.locator("#live-parts img")).to_have_count(4, timeout=PATIENCE_MS)
    expect(operator.page.get_by_text("Try again").first).to_be_visible()
    expect(operator.page.locator("[data-live]")).to_have_count(0)
    assert operator.faults == []


def test_a_list_shows_what_is_new_and_keeps_what_is_chosen(operator: Tab, slow: Site) -> None:
    """A new task appears, with the search kept; while one is ticked the rows stay and their states go on."""
    first = ask(slow, "a patient heron")
    open_list(operator, slow, "creator/task", "heron")
    stays(operator)
    expect(row(operator, "a patient heron")).to_have_count(1)
    ask(slow, "another heron")
    expect(row(operator, "another heron")).to_have_count(1, timeout=PATIENCE_MS)
    expect(operator.page.locator("#live-count")).to_have_text("2 tasks")
    expect(operator.page.locator("#live-found")).to_have_text("2")
    box = row(operator, "another heron").locator("input.action-select")
    box.check()
    ask(slow, "a third heron")
    expect(row(operator, "another heron").get_by_text("Completed")).to_be_visible(timeout=PATIENCE_MS)
    expect(box).to_be_checked()
    expect(operator.page.locator("#result_list tr.data-row")).to_have_count(2)
    expect(operator.page.get_by_text("1 of 2 selected")).to_be_visible()
    box.uncheck()
    expect(row(operator, "a third heron")).to_have_count(1, timeout=PATIENCE_MS)
    operator.page.locator(".action-toggle").check()
    expect(operator.page.locator("input.action-select:checked")).to_have_count(3)
    assert value(operator, "window.isTheSame") is True and operator.page.url.endswith("q=heron")
    assert first and operator.faults == []


def test_a_page_that_nobody_sees_asks_for_nothing(operator: Tab, server: Site) -> None:
    """And asks at once when it is seen again."""
    open_list(operator, server, "accounts/account")
    expect(operator.page.locator("[data-live-note]")).to_have_text("Updates by itself.")
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
    value(operator, hide % "true")
    operator.requests.clear()
    time.sleep(7)  # more than the list's five seconds; what is asserted is that nothing happens
    assert operator.requests == []
    with operator.page.expect_response(lambda answer: "/admin/accounts/account/" in answer.url):
        value(operator, f"({hide % 'false'}, document.dispatchEvent(new Event('visibilitychange')))")


def test_what_is_typed_stays(operator: Tab, server: Site) -> None:
    """On an account's page the state goes on, the field under the hands does not."""
    open_list(operator, server, "accounts/account")
    operator.follow(operator.page.locator("#result_list a[href*='/change/']").first)
    notes = operator.page.locator("[name=notes]")
    notes.fill("half a sentence")
    with operator.page.expect_response(lambda answer: answer.request.headers.get("x-live") == "1"):
        pass
    with operator.page.expect_response(lambda answer: answer.request.headers.get("x-live") == "1"):
        pass
    expect(notes).to_have_value("half a sentence")
    assert operator.faults == []


def test_a_dead_server_is_said(operator: Tab, server: Site) -> None:
    """In place of old news; and it recovers."""
    open_list(operator, server, "accounts/account")
    operator.page.route("**/admin/accounts/account/**", lambda route: route.abort())
    note = operator.page.locator("[data-live-note]")
    expect(note).to_have_text(
        "Not updated now, since the server does not answer. It is asked again.", timeout=PATIENCE_MS
    )
    operator.page.unroute("**/admin/accounts/account/**")
    expect(note).to_have_text("Updates by itself.", timeout=PATIENCE_MS)


def test_the_dashboard_goes_on(operator: Tab, server: Site) -> None:
    """A picture that is made meanwhile appears on its card without a reload."""
    operator.open(f"{server.url}/admin/")
    stays(operator)
    ask(server, "a heron on the first page")
    shown = operator.page.locator(".latest a[title='a heron on the first page']").first
    expect(shown).to_be_visible(timeout=PATIENCE_MS)
    assert value(operator, "window.isTheSame") is True and operator.faults == []


def test_a_reload_does_not_take_the_place_of_where_somebody_goes(operator: Tab, slow: Site) -> None:
    """A task that ends just after a link was clicked."""
    task_id = ask(slow, "an interrupted fox")
    operator.open(f"{slow.url}/admin/creator/task/{task_id}/change/")
    stays(operator)
    value(operator, "window.leaving = setInterval(() => window.dispatchEvent(new Event('beforeunload')), 200)")
    expect(operator.page.locator("#live-parts img")).to_have_count(4, timeout=PATIENCE_MS)
    for _ in range(2):
        with operator.page.expect_response(lambda answer: answer.request.headers.get("x-live") == "1"):
            pass
    assert value(operator, "window.isTheSame") is True
    value(operator, "clearInterval(window.leaving)")
    expect(operator.page.locator("[data-live]")).to_have_count(0, timeout=PATIENCE_MS)
