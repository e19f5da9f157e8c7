"""An operator with many accounts and many users: imported at once, given keys, looked after from one page."""

from __future__ import annotations

import csv
import io
import secrets
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site
from tests.browser.operating import fill, open_list, open_row, reload_until, row, save
from tests.browser.tab import PHONE, Tab

pytestmark = pytest.mark.browser


def status_of(site: Site, key: str) -> int:
    """How the server takes a key."""
    return httpx.get(f"{site.url}/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code


def add_user(tab: Tab, site: Site, user_id: str) -> None:
    """Let somebody in, and open their page."""
    tab.open(f"{site.url}/admin/accounts/whitelisteduser/add/")
    fill(tab, user_id=user_id)
    save(tab, "_continue")


def test_many_accounts_are_imported(operator: Tab, server: Site) -> None:
    """A fault is named first; the mended table is previewed and imported, checked, and shows no cookie anywhere."""
    names = [f"bulk-{secrets.token_hex(3)}" for _ in range(3)]
    cookies = [f"cookie-{secrets.token_hex(24)}" for _ in names]
    table = "name,cookies,notes\n" + "".join(
        f"{name},{cookie},batch\n" for name, cookie in zip(names, cookies, strict=True)
    )
    open_list(operator, server, "accounts/account")
    operator.follow(operator.page.get_by_role("link", name="Import", exact=True))
    fill(operator, table=f"{table}{names[0]},MUID=1;{cookies[0]},\n")
    operator.follow(operator.page.get_by_role("button", name="Preview"))
    assert "NOTHING WAS IMPORTED" in operator.text.upper() and "The same name as in line 2." in operator.text
    fill(operator, table=table)
    operator.follow(operator.page.get_by_role("button", name="Preview"))
    assert "3 new" in operator.text and "Nothing has been changed yet." in operator.text
    assert not any(cookie in operator.everything for cookie in cookies)
    operator.follow(operator.page.get_by_role("button", name="Import", exact=True))
    assert "Imported: 3 new, 0 changed, 0 unchanged." in operator.text
    for name in names:
        open_list(operator, server, "accounts/account", name)
        reload_until(operator, name, "OK")
    assert not any(cookie in operator.everything for cookie in cookies)
    # The check has read the boosts.
    expect(operator.page.locator("#result_list .field-boosts").first).to_contain_text("15")
    assert operator.faults == []


def test_a_key_from_a_users_page(operator: Tab, server: Site) -> None:
    """Issue it there, copy it by the button, change it, revoke it on its page, and go back to the user."""
    user = f"user-{secrets.token_hex(3)}"
    add_user(operator, server, user)
    operator.follow(operator.page.get_by_role("link", name="Issue a key"))
    assert operator.page.locator("select[name=user] option:checked").inner_text() == user
    save(operator)
    key = operator.page.get_by_label("API key", exact=True).input_value()
    operator.page.evaluate("window.copied = ''; document.addEventListener('copy', () => "
                           "window.copied = document.activeElement.value)")  # fmt: skip
    operator.page.get_by_role("button", name="Copy").first.click()
    expect(operator.page.get_by_role("status").first).to_be_visible()
    assert operator.page.evaluate("window.copied") == key
    assert f"Authorization: Bearer {key}" in operator.page.get_by_label("List the models").input_value()
    assert status_of(server, key) == 200
    issued = operator.page.url
    operator.page.reload()
    assert "were shown already" in operator.text and row(operator, user).count() == 1
    operator.page.go_back()
    assert key not in operator.everything and operator.page.url != issued
    open_row(operator, server, "accounts/whitelisteduser", user)
    operator.follow(operator.page.locator("#content-main, main, body").get_by_role("link", name="API keys").last)
    assert row(operator, user).count() == 1
    operator.follow(operator.page.locator("#result_list a[href*='/change/']").first)
    fill(operator, label="phone", per_minute="7")
    save(operator, "_continue")
    assert "changed successfully" in operator.text and status_of(server, key) == 200
    operator.page.locator("a[href$='/revoke/']").click()
    operator.follow(operator.page.locator("#dialog form button[type=submit]"))
    assert "Revoked" in operator.text and operator.page.locator("a[href$='/revoke/']").count() == 0
    assert operator.page.locator("[name=label]").count() == 0 and "phone" in operator.text
    assert status_of(server, key) == 401
    assert operator.faults == []


def test_keys_for_many_users(operator: Tab, server: Site, tmp_path: Path) -> None:
    """One form for their terms; the page shows all keys once and gives them as a file."""
    word = secrets.token_hex(3)
    for number in range(2):
        add_user(operator, server, f"{word}-{number}")
    open_list(operator, server, "accounts/whitelisteduser", word)
    for box in operator.page.locator("#result_list input[name=_selected_action]").all():
        box.check()
    operator.page.locator("select[name=action]").select_option(label="Issue a key to each")
    operator.follow(operator.page.locator("button[name=index]"))
    fill(operator, label="spring")
    operator.follow(operator.page.get_by_role("button", name="Issue the keys"))
    with operator.page.expect_download() as started:
        operator.page.get_by_role("link", name="Download as CSV").click()
    path = tmp_path / "keys.csv"
    started.value.save_as(path)
    assert started.value.suggested_filename == "api-keys.csv"
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert [one["user_id"] for one in rows] == [f"{word}-0", f"{word}-1"]
    assert [status_of(server, one["key"]) for one in rows] == [200, 200]
    open_list(operator, server, "accounts/apikey", word)
    assert not any(one["key"] in operator.everything for one in rows)
    assert operator.faults == []


def test_the_pages_fit_a_phone(operator: Tab, server: Site) -> None:
    """None is wider than the screen, and none complains."""
    user = f"user-{secrets.token_hex(3)}"
    add_user(operator, server, user)
    operator.resize(*PHONE)
    assert not operator.has_sideways_scroll
    operator.follow(operator.page.get_by_role("link", name="Issue a key"))
    save(operator)
    assert not operator.has_sideways_scroll
    open_row(operator, server, "accounts/apikey", user)
    assert not operator.has_sideways_scroll
    operator.open(f"{server.url}/admin/accounts/account/import/")
    assert not operator.has_sideways_scroll
    fill(operator, table=f"name,cookies,notes\nphone,{secrets.token_hex(40)},{'n' * 35}\n")
    operator.follow(operator.page.get_by_role("button", name="Preview"))
    assert not operator.has_sideways_scroll
    open_list(operator, server, "accounts/whitelisteduser", user)
    operator.page.locator("#result_list input[name=_selected_action]").first.check()
    operator.page.locator("select[name=action]").select_option(label="Issue a key to each")
    operator.follow(operator.page.locator("button[name=index]"))
    assert not operator.has_sideways_scroll
    operator.follow(operator.page.get_by_role("button", name="Issue the keys"))
    assert not operator.has_sideways_scroll
    assert operator.faults == []


def test_an_address_that_leads_nowhere(operator: Tab, server: Site) -> None:
    """Has the menu and a way back, in the admin's look."""
    assert operator.open(f"{server.url}/admin/nowhere/") == 404
    assert "This page does not exist" in operator.text
    operator.follow(operator.page.get_by_role("link", name="To the dashboard"))
    assert "Accounts that need you" in operator.text
