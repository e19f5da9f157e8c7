"""The operator's pages in use: accounts by pasted cookies, tasks, the queue; light, dark and on a phone."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import httpx
import pytest

from tests.browser.chromium import PHONE, Page
from tests.browser.conftest import Site
from tests.rig.servers import wait_for

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
    "django_q/success", "django_q/failure", "django_q/ormq", "auth/user", "auth/group",
)  # fmt: skip


def row(page: Page, name: str) -> str:
    """The text of the list's row that has these words."""
    rows = page.evaluate("[...document.querySelectorAll('#result_list tbody tr')].map(row => row.innerText)")
    return next((text for text in rows if name in text), "")


def act(page: Page, server: Site, model: str, name: str, action: str) -> None:
    """Tick the row, choose the action, run it."""
    page.open(f"{server.url}/admin/{model}/?q={name}")
    page.click("[name=_selected_action]")
    page.choose("[name=action]", action)
    page.wait("document.querySelector('button[name=index]').checkVisibility()")
    page.follow("button[name=index]")


def reload_until(page: Page, name: str, words: str) -> None:
    """Reload the list until the row says so: a worker has to do its part."""

    def says_so() -> bool:
        page.reload()
        return words.lower() in row(page, name).lower()

    wait_for(says_so, f"{words!r} at {name}", step=0.2)


def add_account(page: Page, server: Site, name: str, pasted: str) -> None:
    """Fill in the form for a new account and save it."""
    page.open(f"{server.url}/admin/accounts/account/add/")
    page.fill("[name=name]", name)
    page.fill("[name=new_cookies]", pasted)
    page.follow("[name=_save]")


def test_a_wrong_password_opens_nothing(page: Page, server: Site) -> None:
    """The page says so and shows no password."""
    page.open(f"{server.url}/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "not-the-password")
    page.follow("button[type=submit]")
    assert "correct" in page.text and "not-the-password" not in page.source
    assert page.evaluate("document.querySelector('[name=password]').value") == ""


@pytest.mark.parametrize("form", FORMS)
def test_an_account_by_its_cookie(operator: Page, server: Site, form: str) -> None:
    """Whatever form the cookie comes in, the account is stored, checked and signed in, and the cookie not shown."""
    name, cookie = f"by-{form.replace('.', '-')}", f"cookie-{secrets.token_hex(16)}"
    add_account(operator, server, name, FORMS[form](cookie))
    assert name in operator.text
    reload_until(operator, name, "OK")
    assert cookie not in operator.source and cookie not in operator.dom
    operator.open(f"{server.url}/admin/accounts/account/?q={name}")
    operator.follow("#result_list a[href*='/change/']")
    assert cookie not in operator.source and cookie not in operator.dom
    operator.follow("a[href*='/history/']")
    assert cookie not in operator.source
    assert operator.faults == []


def test_a_proxys_password_stays_hidden(operator: Page, server: Site) -> None:
    """It goes in once; the page shows the address without it, and saving that page keeps it."""
    name, password = f"proxied-{secrets.token_hex(4)}", f"password-{secrets.token_hex(8)}"
    operator.open(f"{server.url}/admin/accounts/account/add/")
    operator.fill("[name=name]", name)
    operator.fill("[name=new_cookies]", secrets.token_hex(16))
    operator.fill("[name=proxy]", f"http://anna:{password}@127.0.0.1:9")
    operator.follow("[name=_continue]")
    for _ in range(2):
        assert password not in operator.source and password not in operator.dom
        assert "anna:•••@127.0.0.1:9" in operator.dom
        operator.follow("[name=_continue]")
    assert "changed successfully" in operator.text


def test_a_paste_without_the_cookie(operator: Page, server: Site) -> None:
    """The form comes back, says what to paste, and does not repeat what was typed."""
    add_account(operator, server, "wrong", "Cookie: MUID=a-stray-secret-0123456789")
    assert "_U" in operator.evaluate("document.querySelector('.errorlist').innerText")
    assert "a-stray-secret-0123456789" not in operator.dom


def test_a_dead_cookie_and_a_fresh_one(operator: Page, server: Site) -> None:
    """A check finds the account expired and says what to do; new cookies on its page mend it."""
    name = f"dead-{secrets.token_hex(4)}"
    add_account(operator, server, name, f"expired-{secrets.token_hex(16)}")
    reload_until(operator, name, "Expired")
    assert "paste" in row(operator, name)
    operator.open(f"{server.url}/admin/accounts/account/?q={name}")
    operator.follow("#result_list a[href*='/change/']")
    operator.fill("[name=new_cookies]", f"fresh-{secrets.token_hex(16)}")
    operator.follow("[name=_save]")
    reload_until(operator, name, "OK")


def test_check_disable_and_enable(operator: Page, server: Site) -> None:
    """The list's actions: a check whose result shows on the page that follows; off and on again."""
    name, cookie = f"acts-{secrets.token_hex(4)}", f"cookie-{secrets.token_hex(16)}"
    add_account(operator, server, name, cookie)
    reload_until(operator, name, "OK")
    wish = {"account": f"{cookie}", "is_alive": False}
    httpx.post(f"{server.sandbox_url}/_sandbox/account", json=wish).raise_for_status()
    act(operator, server, "accounts/account", name, "check_now")
    assert f"{name}: images: does not work" in operator.text
    assert "expired" in row(operator, name).lower()
    for action, words in (("disable", "1 disabled."), ("enable", "1 enabled.")):
        act(operator, server, "accounts/account", name, action)
        assert words in operator.text
    assert operator.faults == []


def test_tasks_are_found_looked_at_and_cancelled(operator: Page, server: Site) -> None:
    """Filters narrow the list, the page shows the story and its pictures, the action cancels what runs."""
    word = secrets.token_hex(4)
    done = server.ask("POST", "/create/image", json={"query": f"{word} done"})
    hanging = {"query": f"{word} sandbox:never-ready"}
    wish = {"headers": {"Prefer": "respond-async"}, "json": hanging}
    task_id = server.ask("POST", "/create/image", **wish)["taskId"]
    operator.open(f"{server.url}/admin/creator/task/?q={word}")
    assert row(operator, "done") and row(operator, "never-ready")
    operator.open(f"{server.url}/admin/creator/task/?q={word}&state__exact=completed")
    assert row(operator, "done") and not row(operator, "never-ready")
    operator.follow("#result_list a[href*='/change/']")
    assert f"{word} done" in operator.text and "Completed" in operator.text
    operator.wait("[...document.querySelectorAll('img[src*=ImgGn]')].every(image => image.complete)")
    shown = operator.evaluate("[...document.querySelectorAll('img[src*=ImgGn]')].map(image => image.naturalWidth)")
    assert "UTC" in operator.text
    assert shown == [1024] * len(done["images"])
    act(operator, server, "creator/task", task_id, "cancel")
    assert "1 cancelled" in operator.text
    assert server.ask("GET", f"/task/{task_id}")["state"] == "cancelled"
    assert operator.faults == []


def test_the_filters_are_there_to_click(operator: Page, server: Site) -> None:
    """The button opens them; a choice narrows the list and stands in the address."""
    server.ask("POST", "/create/image", json={"query": "a fox to be filtered"})
    operator.open(f"{server.url}/admin/creator/task/")
    operator.click("[x-on\\:click='filterOpen = true']")
    operator.wait("document.querySelector('#changelist-filter').checkVisibility()")
    operator.follow("#changelist-filter a[href*='state__exact=completed']")
    assert "state__exact=completed" in operator.evaluate("location.search")
    states = operator.evaluate(
        "[...document.querySelectorAll('#result_list .field-state_shown')].map(c => c.innerText)"
    )
    assert states and {state.strip().lower() for state in states} == {"completed"}


def test_the_queue_is_only_looked_at(operator: Page, server: Site) -> None:
    """No adding, no editing, no action; schedules have no page at all."""
    for model in ("success", "failure", "ormq"):
        operator.open(f"{server.url}/admin/django_q/{model}/")
        assert operator.evaluate(f"document.querySelectorAll('a[href$=\"/{model}/add/\"], [name=action]').length") == 0
    assert operator.faults == []
    operator.open(f"{server.url}/admin/")
    assert operator.evaluate("document.querySelectorAll('a[href*=schedule]').length") == 0
    operator.open(f"{server.url}/admin/django_q/schedule/")
    assert operator.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == 404


@pytest.mark.parametrize(("scheme", "lists"), [("light", LISTS), ("dark", LISTS[:1])])
def test_lists_in_both_colours(operator: Page, server: Site, scheme: str, lists: tuple[str, ...]) -> None:
    """They open in the system's colours, with every file from this server and nothing to complain of."""
    operator.prefer(scheme)
    for path in ("", *(f"{model}/" for model in lists)):
        operator.open(f"{server.url}/admin/{path}")
        assert operator.evaluate("document.documentElement.classList.contains('dark')") == (scheme == "dark")
    assert operator.faults == []
    assert [url for url in operator.requests if not url.startswith((server.url, "data:", "blob:"))] == []


def test_on_a_phone(operator: Page, server: Site) -> None:
    """No list and no form is wider than the screen."""
    server.ask("POST", "/create/image", json={"query": f"a prompt without a space: {'x' * 300}"})
    operator.resize(*PHONE)
    for path in ("", "accounts/account/", "accounts/account/add/", "accounts/account/1/change/", "creator/task/"):
        operator.open(f"{server.url}/admin/{path}")
        assert not operator.has_sideways_scroll, path
    operator.open(f"{server.url}/admin/creator/task/")
    operator.follow("#result_list a[href*='/change/']")
    assert not operator.has_sideways_scroll
