"""Getting into the admin: the lock after wrong passwords, and a second factor from its QR code to its removal."""

from __future__ import annotations

import secrets

import pytest

from tests.bingproject.authenticators import code_of
from tests.browser.chromium import PHONE, Chromium, Page
from tests.browser.conftest import Site
from tests.rig.servers import wait_for

pytestmark = pytest.mark.browser
PASSWORD = "a-long-Passphrase-9"
FACTOR = "/admin/second-factor/"


def log_in(page: Page, server: Site, name: str, password: str = PASSWORD) -> None:
    """Type both and send them."""
    page.open(f"{server.url}/admin/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    page.follow("#login-form button[type=submit]")


@pytest.fixture
def colleague(operator: Page, server: Site) -> str:
    """Another operator, made in the admin; the name."""
    name = f"colleague-{secrets.token_hex(4)}"
    operator.open(f"{server.url}/admin/auth/user/add/")
    operator.fill("[name=username]", name)
    operator.fill("[name=password1]", PASSWORD)
    operator.fill("[name=password2]", PASSWORD)
    operator.follow("[name=_save]")
    operator.evaluate("document.querySelector('[name=is_staff]').checked = true")
    operator.evaluate("document.querySelector('[name=is_superuser]').checked = true")
    operator.follow("[name=_save]")
    return name


def test_too_many_wrong_passwords(page: Page, operator: Page, server: Site, colleague: str) -> None:
    """The page says plainly what to do, on a phone too; an operator lifts the lock, and the password is good again."""
    page.resize(*PHONE)
    for _ in range(5):
        log_in(page, server, colleague, "not-the-password")
    assert "Too many wrong log-ins" in page.text and "Wait 15 minutes" in page.text
    assert not page.has_sideways_scroll
    log_in(page, server, colleague)
    assert "Too many wrong log-ins" in page.text
    operator.open(f"{server.url}/admin/axes/accessattempt/")
    assert colleague in operator.text and "LOCKED" in operator.text.upper()
    operator.click("[name=_selected_action]")
    operator.choose("[name=action]", "lift")
    operator.wait("document.querySelector('button[name=index]').checkVisibility()")
    operator.follow("button[name=index]")
    assert "may log in again" in operator.text and operator.faults == []
    log_in(page, server, colleague)
    assert "Alerts" in page.text
    # The locked page is an answer 429, which the browser reports as a fault of the page; there is no other.
    assert all("429" in fault for fault in page.faults)


def test_a_second_factor(page: Page, chromium: Chromium, server: Site, colleague: str) -> None:
    """Set up from the account's page, asked for by the next log-in, and removed with a recovery code."""
    log_in(page, server, colleague)
    page.open(f"{server.url}{FACTOR}")
    page.follow("button[name=step]")
    assert "Have your authenticator" in page.text, page.text
    drawn = page.evaluate("document.querySelector('[data-picture] svg').getBoundingClientRect().width")
    key = str(page.evaluate("document.querySelector('[data-key]').innerText"))
    assert drawn > 100
    page.fill("[name=code]", code_of(key))
    page.follow("#content form button[type=submit]:not([name])")
    codes = str(page.evaluate("document.querySelector('[data-recovery]').innerText")).split()
    assert len(codes) == 10 and page.faults == []
    with chromium.new_page() as other:
        log_in(other, server, colleague)
        assert "code that your authenticator shows" in other.text and "Alerts" not in other.text
        other.fill("[name=code]", codes[0])
        other.follow("form button[type=submit]")
        assert "Alerts" in other.text
        other.open(f"{server.url}{FACTOR}")
        other.fill("[name=code]", codes[1])
        other.follow("button[value=remove]")
        assert "is removed" in other.text and other.faults == []
    with chromium.new_page() as third:
        log_in(third, server, colleague)
        wait_for(lambda: "Alerts" in third.text, "the first page")


@pytest.mark.parametrize("path", [FACTOR, "/admin/bingproject/alert/", "/admin/axes/accesslog/"])
def test_on_a_phone(operator: Page, server: Site, path: str) -> None:
    """Nothing is wider than the screen."""
    operator.resize(*PHONE)
    operator.open(f"{server.url}{path}")
    assert not operator.has_sideways_scroll
