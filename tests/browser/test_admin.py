"""The operator's pages in use: accounts by pasted cookies, tasks, the queue; light, dark and on a phone."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import pytest

from tests.browser.conftest import Site
from tests.browser.operating import act, add_account, fill, open_list, open_row, reload_until, row, save, value
from tests.browser.tab import PHONE, Tab

pytestmark = pytest.mark.browser
FORMS: dict[str, Callable[[str], str]] = {
    "value": str,
    "header": "Cookie: MUID=1; _U={}; SRCHD=AF=NOFORM".format,
    "curl": "curl 'https://www.bing.com/' \\\n  -H 'cookie: MUID=1; _U={}' \\\n  --compressed".format,
    "json": lambda value: json.dumps([{"name": "_U", "value": value, "domain": ".bing.com"}]),
    "cookies.txt": "# Netscape HTTP Cookie File\n.bing.com\tTRUE\t/\tTRUE\t0\t_U\t{}".format,
}
LISTS = (
    "accounts/account", "accounts/whitelisteduser", "accounts/apikey", "creator/task", "creator/runner",
    "django_q/success", "django_q/failure", "django_q/ormq", "auth/user", "auth/group", "bingproject/record",
)  # fmt: skip


def test_a_wrong_password_opens_nothing(tab: Tab, server: Site) -> None:
    """The page says so and shows no password."""
    tab.open(f"{server.url}/admin/")
    tab.page.get_by_label("Username").fill("admin")
    tab.page.get_by_label("Password").fill("not-the-password")
    tab.follow(tab.page.get_by_role("button", name="Log in"))
    assert "correct" in tab.text and "not-the-password" not in tab.everything
    assert tab.page.get_by_label("Password").input_value() == ""


@pytest.mark.parametrize("form", FORMS)
def test_an_account_by_its_cookie(operator: Tab, server: Site, form: str) -> None:
    """Whatever form the cookie comes in, the account is stored, checked and signed in, and the cookie not shown."""
    name, cookie = f"by-{form.replace('.', '-')}", f"cookie-{secrets.token_hex(16)}"
    add_account(operator, server, name, FORMS[form](cookie))
    assert name in operator.text
    reload_until(operator, name, "OK")
    assert cookie not in operator.everything
    open_row(operator, server, "accounts/account", name)
    assert cookie not in operator.everything
    operator.follow(operator.page.locator("a[href*='/history/']").first)
    assert cookie not in operator.everything
    assert operator.faults == []


def test_a_proxys_password_stays_hidden(operator: Tab, server: Site) -> None:
    """It goes in once; the page shows the address without it, and saving that page keeps it."""
    name, password = f"proxied-{secrets.token_hex(4)}", f"password-{secrets.token_hex(8)}"
    operator.open(f"{server.url}/admin/accounts/account/add/")
    fill(operator, name=name, new_cookies=secrets.token_hex(16), proxy=f"http://anna:{password}@127.0.0.1:9")
    save(operator, "_continue")
    for _ in range(2):
        assert password not in operator.everything
        assert "anna:•••@127.0.0.1:9" in operator.everything
        save(operator, "_continue")
    assert "changed successfully" in operator.text


def test_a_paste_without_the_cookie(operator: Tab, server: Site) -> None:
    """The form comes back, says what to paste, and does not repeat what was typed."""
    add_account(operator, server, "wrong", "Cookie: MUID=a-stray-secret-0123456789")
    assert "_U" in operator.page.locator(".errorlist").first.inner_text()
    assert "a-stray-secret-0123456789" not in operator.page.content()


def test_a_dead_cookie_and_a_fresh_one(operator: Tab, server: Site) -> None:
    """A check finds the account expired and says what to do; new cookies on its page mend it."""
    name = f"dead-{secrets.token_hex(4)}"
    add_account(operator, server, name, f"expired-{secrets.token_hex(16)}")
    reload_until(operator, name, "Expired")
    assert "paste" in row(operator, name).inner_text()
    open_row(operator, server, "accounts/account", name)
    fill(operator, new_cookies=f"fresh-{secrets.token_hex(16)}")
    save(operator)
    reload_until(operator, name, "OK")


def test_check_disable_and_enable(operator: Tab, server: Site) -> None:
    """The list's actions: a check whose result shows on the next page; off and on again; all three in the record."""
    name, cookie = f"acts-{secrets.token_hex(4)}", f"cookie-{secrets.token_hex(16)}"
    add_account(operator, server, name, cookie)
    reload_until(operator, name, "OK")
    server.arrange("account", account=cookie, is_alive=False)
    act(operator, server, "accounts/account", name, "Check now")
    assert f"{name}: images: does not work" in operator.text
    assert "expired" in row(operator, name).inner_text().lower()
    for action, words in (("Disable", "1 disabled."), ("Enable", "1 enabled.")):
        act(operator, server, "accounts/account", name, action)
        assert words in operator.text
    open_list(operator, server, "bingproject/record", name)
    told = [line.inner_text() for line in row(operator, name).all()]
    assert [what in line for what, line in zip(("Enable", "Disable", "Check now", "Added"), told, strict=True)] == [
        True
    ] * 4
    assert operator.faults == []


def test_tasks_are_found_looked_at_and_cancelled(operator: Tab, server: Site) -> None:
    """Filters narrow the list, the page shows the timeline and its pictures, the action cancels what runs."""
    word = secrets.token_hex(4)
    done = server.ask("POST", "/create/image", json={"query": f"{word} done"})
    hanging = {"query": f"{word} sandbox:never-ready"}
    task_id = server.ask("POST", "/create/image", headers={"Prefer": "respond-async"}, json=hanging)["taskId"]
    open_list(operator, server, "creator/task", word)
    assert row(operator, "done").count() == row(operator, "never-ready").count() == 1
    operator.open(f"{server.url}/admin/creator/task/?q={word}&state__exact=completed")
    assert row(operator, "done").count() == 1 and row(operator, "never-ready").count() == 0
    operator.follow(operator.page.locator("#result_list a[href*='/change/']").first)
    assert f"{word} done" in operator.text and "COMPLETED" in operator.text.upper() and "UTC" in operator.text
    pictures = operator.page.locator("img[src*=ImgGn]")
    operator.page.wait_for_function("[...document.querySelectorAll('img[src*=ImgGn]')].every(one => one.complete)")
    assert pictures.evaluate_all("images => images.map(one => one.naturalWidth)") == [270] * len(done["images"])
    whole = operator.page.locator("a[href*=ImgGn]:has(img)")  # each of the small ones is a link to it
    assert whole.evaluate_all("links => links.map(link => link.href)") == done["images"]
    act(operator, server, "creator/task", task_id, "Cancel")
    assert "1 cancelled" in operator.text
    assert server.ask("GET", f"/task/{task_id}")["state"] == "cancelled"
    assert operator.faults == []


def test_an_ended_task_is_tried_again_from_its_page(operator: Tab, server: Site) -> None:
    """The button asks first; a yes leads to the new task, which tells whose second try it is."""
    task_id = server.ask("POST", "/create/image", json={"query": "a fox to be tried again"})["taskId"]
    operator.open(f"{server.url}/admin/creator/task/{task_id}/change/")
    assert "ACCEPTED BY BING" in operator.text.upper()
    operator.page.locator("a[href$='/retry/']").click()
    operator.follow(operator.page.locator("#dialog form button[type=submit]"))
    assert "This is the new task." in operator.text and task_id in operator.text
    assert task_id not in operator.page.url
    assert operator.faults == []


def test_the_filters_are_there_to_click(operator: Tab, server: Site) -> None:
    """The button opens them; a choice narrows the list and stands in the address."""
    server.ask("POST", "/create/image", json={"query": "a fox to be filtered"})
    open_list(operator, server, "creator/task")
    operator.page.locator("[x-on\\:click='filterOpen = true']").click()
    operator.page.locator("#filter-form [name=state__exact]").evaluate("choice => choice.value = 'completed'")
    operator.follow(operator.page.locator("#filter-form button[type=submit]"))
    assert "state__exact=completed" in operator.page.url
    states = operator.page.locator("#result_list .field-state_shown").all_inner_texts()
    assert states and {state.strip().lower() for state in states} == {"completed"}


def test_the_queue_is_only_looked_at(operator: Tab, server: Site) -> None:
    """No adding, no editing, no action; schedules have no page at all."""
    for model in ("success", "failure", "ormq"):
        open_list(operator, server, f"django_q/{model}")
        assert operator.page.locator(f"a[href$='/{model}/add/'], [name=action]").count() == 0
    assert operator.faults == []
    operator.open(f"{server.url}/admin/")
    assert operator.page.locator("a[href*=schedule]").count() == 0
    # Not as a page: a browser asks for the icon of one that names none, and may do so when the next test has begun.
    assert operator.page.request.get(f"{server.url}/admin/django_q/schedule/").status == 404


@pytest.mark.parametrize(("scheme", "lists"), [("light", LISTS), ("dark", LISTS[:1])])
def test_lists_in_both_colours(operator: Tab, server: Site, scheme: str, lists: tuple[str, ...]) -> None:
    """They open in the system's colours, with every file but Bing's pictures from this server, and no complaint."""
    operator.prefer(scheme)
    for path in ("", *(f"{model}/" for model in lists)):
        operator.open(f"{server.url}/admin/{path}")
        assert value(operator, "document.documentElement.classList.contains('dark')") == (scheme == "dark")
    assert operator.faults == []
    own = (server.url, f"{server.sandbox_url}/th/id/", "data:", "blob:")
    assert [url for url in operator.requests if not url.startswith(own)] == []


def test_on_a_phone(operator: Tab, server: Site) -> None:
    """No list and no form is wider than the screen."""
    server.ask("POST", "/create/image", json={"query": f"a prompt without a space: {'x' * 300}"})
    operator.resize(*PHONE)
    for path in ("", *(f"{model}/" for model in LISTS), "accounts/account/add/", "accounts/account/1/change/"):
        operator.open(f"{server.url}/admin/{path}")
        assert not operator.has_sideways_scroll, path
    operator.open(f"{server.url}/admin/accounts/whitelisteduser/import/")
    assert not operator.has_sideways_scroll
    open_row(operator, server, "creator/task", "")
    assert not operator.has_sideways_scroll


def test_deleting_asks_first_without_a_fault(operator: Tab, server: Site) -> None:
    """The page that asks, for one row and for ticked ones, loads what the scripts of the list's filters need."""
    server.ask("POST", "/create/image", json={"query": "a fox to be deleted"})
    open_row(operator, server, "creator/task", "deleted")
    operator.follow(operator.page.locator("a[href$='/delete/']").first)
    assert "Are you sure" in operator.text
    act(operator, server, "creator/task", "deleted", "Delete selected tasks")
    assert "Are you sure" in operator.text
    assert operator.faults == []
