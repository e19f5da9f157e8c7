"""Getting into the admin: the lock after wrong passwords, and a second factor from its QR code to its removal."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser

from tests.bingproject.security.authenticators import code_of
from tests.browser.conftest import Site
from tests.browser.operating import act, fill, open_list, save
from tests.browser.tab import PHONE, Tab

pytestmark = pytest.mark.browser
PASSWORD = "a-long-Passphrase-9"
FACTOR = "/admin/second-factor/"
ATTEMPTS = "axes/accessattempt"


def log_in(tab: Tab, server: Site, name: str, password: str = PASSWORD) -> None:
    """Type both and send them."""
    tab.open(f"{server.url}/admin/")
    fill(tab, username=name, password=password)
    tab.follow(tab.page.locator("#login-form button[type=submit]"))


@contextmanager
def other_tab(browser: Browser) -> Iterator[Tab]:
    """A tab of its own, for the next log-in."""
    tab = Tab(browser)
    yield tab
    tab.close()


@pytest.fixture
def colleague(operator: Tab, server: Site) -> str:
    """Another operator, made in the admin; the name."""
    name = f"colleague-{secrets.token_hex(4)}"
    operator.open(f"{server.url}/admin/auth/user/add/")
    fill(operator, username=name, password1=PASSWORD, password2=PASSWORD)
    save(operator)
    for flag in ("is_staff", "is_superuser"):
        operator.page.locator(f"[name={flag}]").check()
    save(operator)
    return name


def test_too_many_wrong_passwords(tab: Tab, operator: Tab, server: Site, colleague: str) -> None:
    """The page says plainly what to do, on a phone too; an operator lifts the lock, and the password is good again."""
    tab.resize(*PHONE)
    for _ in range(5):
        log_in(tab, server, colleague, "not-the-password")
    assert "Too many wrong log-ins" in tab.text and "Wait 15 minutes" in tab.text
    assert not tab.has_sideways_scroll
    log_in(tab, server, colleague)
    assert "Too many wrong log-ins" in tab.text
    open_list(operator, server, ATTEMPTS)
    assert colleague in operator.text and "LOCKED" in operator.text.upper()
    act(operator, server, ATTEMPTS, colleague, "Lift")
    assert "may log in again" in operator.text and operator.faults == []
    log_in(tab, server, colleague)
    assert "Alerts" in tab.text
    # The locked page is an answer 429, which the browser reports as a fault of the page; there is no other.
    assert all("429" in fault for fault in tab.faults)


def assert_not_shown_again(tab: Tab, codes: list[str]) -> None:
    """Neither by reloading, which sends no form again, nor by going away and back, or back and forward."""
    ways: tuple[Callable[[], object], ...] = (tab.page.reload, tab.page.go_back, tab.page.go_forward)
    for go in ways:
        go()
        assert "second factor" in tab.text.lower()
        assert not any(code in tab.page.content() for code in codes)
    assert tab.page.locator("[data-recovery]").count() == 0


def test_a_second_factor(tab: Tab, browser: Browser, server: Site, colleague: str) -> None:
    """Set up from the account's page, asked for by the next log-in, and removed with a recovery code."""
    log_in(tab, server, colleague)
    tab.open(f"{server.url}{FACTOR}")
    tab.follow(tab.page.locator("button[name=step]"))
    assert "Scan this with your authenticator" in tab.text, tab.text
    drawn = tab.page.locator("[data-picture] svg").bounding_box()
    assert drawn is not None and drawn["width"] > 100
    fill(tab, code=code_of(tab.page.locator("[data-key]").inner_text()))
    tab.follow(tab.page.locator("#content form button[type=submit]:not([name])"))
    codes = tab.page.locator("[data-recovery]").inner_text().split()
    assert len(codes) == 10 and tab.faults == []
    assert_not_shown_again(tab, codes)
    with other_tab(browser) as other:
        log_in(other, server, colleague)
        assert "code that your authenticator shows" in other.text and "Alerts" not in other.text
        fill(other, code=codes[0])
        other.follow(other.page.locator("form button[type=submit]").first)
        assert "Alerts" in other.text
        other.open(f"{server.url}{FACTOR}")
        fill(other, code=codes[1])
        other.follow(other.page.locator("button[value=remove]"))
        assert "is removed" in other.text and other.faults == []
    with other_tab(browser) as third:
        log_in(third, server, colleague)
        assert "Alerts" in third.text


@pytest.mark.parametrize("path", [FACTOR, "/admin/bingproject/alert/", "/admin/axes/accesslog/"])
def test_on_a_phone(operator: Tab, server: Site, path: str) -> None:
    """Nothing is wider than the screen."""
    operator.resize(*PHONE)
    operator.open(f"{server.url}{path}")
    assert not operator.has_sideways_scroll
