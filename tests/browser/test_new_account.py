"""The form for a new account: it shows what the chosen kind needs, and no more."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.accounts.microsoft.pastes import OBJECT_ID, TENANT_ID
from tests.browser.conftest import Site, log_in
from tests.browser.operating import fill, open_list, row, save
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser
EVERYBODYS = {"kind", "name", "new_cookies", "cookies_file", "user_agent", "is_enabled", "proxy", "notes"}
ROWS = {
    "bing": EVERYBODYS,
    "copilot": EVERYBODYS | {"identity_type", "token_command"},
    "m365": EVERYBODYS | {"object_id", "tenant_id", "tier", "token_command"},
}
ALL = set().union(*ROWS.values())
SITES = {"bing": "Sign in at bing.com", "copilot": "Sign in at copilot.microsoft.com", "m365": "m365.cloud.microsoft"}
# It says neither whose it is nor when it ends.
ENCRYPTED = "eyJlbmMiOiJBMjU2R0NNIn0.aaaaaaaaaaaa.bbbbbbbbbbbb.cccccccccccc.dddddddddddd"


def begin(tab: Tab, site: Site) -> None:
    """Open the form."""
    tab.open(f"{site.url}/admin/accounts/account/add/")


def choose(tab: Tab, kind: str) -> None:
    """Choose a kind."""
    tab.page.locator("select[name=kind]").select_option(kind)


def line(tab: Tab, name: str) -> Locator:
    """A field with its label, help and errors."""
    return tab.page.locator(f".field-line.field-{name}")


def expect_rows(tab: Tab, names: set[str]) -> None:
    """These are to be seen, and no others."""
    for name in ALL:
        expect(line(tab, name)).to_be_visible(visible=name in names)


def test_each_kind_has_its_rows_and_its_words(operator: Tab, server: Site) -> None:
    """At once when it is chosen, back and forth; what a kind has not, its words do not speak of."""
    begin(operator, server)
    expect_rows(operator, ROWS["bing"])
    for kind in ("m365", "copilot", "bing", "copilot"):
        choose(operator, kind)
        expect_rows(operator, ROWS[kind])
        told = line(operator, "new_cookies").inner_text()
        assert [other for other, words in SITES.items() if words in told] == [kind]
        assert "Copilot: " not in operator.text  # the names are for those who can choose nothing
    assert operator.faults == []


def test_a_microsoft_365_account_after_an_error(operator: Tab, server: Site) -> None:
    """The form comes back with the chosen kind's rows and each error at one of them; mended, it is taken."""
    name = f"office-{secrets.token_hex(4)}"
    begin(operator, server)
    choose(operator, "copilot")
    fill(operator, identity_type="google")
    choose(operator, "m365")
    fill(operator, name=name, new_cookies=ENCRYPTED)
    operator.page.locator("[name=is_enabled]").uncheck()
    save(operator)
    expect(operator.page.locator("select[name=kind]")).to_have_value("m365")
    expect_rows(operator, ROWS["m365"])
    errors = operator.page.locator(".errorlist")
    assert errors.count() == 4  # the two ids, the licence, and that the paste is gone
    assert [error.is_visible() for error in errors.all()] == [True] * 4
    fill(operator, new_cookies=ENCRYPTED, object_id=OBJECT_ID, tenant_id=TENANT_ID)
    operator.page.locator("select[name=tier]").select_option("edu")
    save(operator)
    assert "was added successfully" in operator.text
    open_list(operator, server, "accounts/account", name)
    operator.follow(row(operator, name).locator("a[href*='/change/']").first)
    expect_rows(operator, ROWS["m365"] - {"kind"})  # which is to be read, and no field any more
    assert [site for site, words in SITES.items() if words in line(operator, "new_cookies").inner_text()] == ["m365"]
    expect(operator.page.locator("[name=object_id]")).to_have_value(OBJECT_ID)
    assert operator.faults == []


def test_an_account_from_a_file(operator: Tab, server: Site, tmp_path: Path) -> None:
    """Fields that follow the kind leave a chosen file as it is."""
    name, path = f"filed-{secrets.token_hex(4)}", tmp_path / "cookies.txt"
    path.write_text(f".bing.com\tTRUE\t/\tTRUE\t0\t_U\t{secrets.token_hex(16)}")
    begin(operator, server)
    choose(operator, "m365")
    operator.page.locator("[name=cookies_file]").set_input_files(path)
    choose(operator, "bing")
    fill(operator, name=name)
    save(operator)
    assert "was added successfully" in operator.text and "_U is what signs in." in operator.text
    assert operator.faults == []


def test_without_scripts(browser: Browser, server: Site) -> None:
    """All fields are there, say whose they are, and work."""
    tab = Tab(browser, has_scripts=False)
    log_in(tab, server)
    begin(tab, server)
    expect_rows(tab, ALL)
    told = line(tab, "new_cookies").inner_text()
    assert re.findall(r"^(Bing|Copilot|Microsoft 365): ", told, re.MULTILINE) == ["Bing", "Copilot", "Microsoft 365"]
    assert "Microsoft 365: " in line(tab, "tier").inner_text()
    fill(tab, name=f"plain-{secrets.token_hex(4)}", new_cookies=secrets.token_hex(16), object_id="typed by mistake")
    save(tab)
    assert "was added successfully" in tab.text
    tab.close()
