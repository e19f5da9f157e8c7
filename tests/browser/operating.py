"""What an operator's hands do on the pages: lists, actions, forms."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator

from tests.browser.conftest import Site
from tests.browser.tab import Tab
from tests.rig.servers import wait_for


def row(tab: Tab, words: str) -> Locator:
    """The list's rows that have these words."""
    return tab.page.locator("#result_list tbody tr").filter(has_text=words)


def open_list(tab: Tab, site: Site, model: str, search: str = "") -> None:
    """A model's list, searched."""
    tab.open(f"{site.url}/admin/{model}/" + (f"?q={search}" if search else ""))


def open_row(tab: Tab, site: Site, model: str, search: str) -> None:
    """The page of the one row that is found."""
    open_list(tab, site, model, search)
    tab.follow(tab.page.locator("#result_list a[href*='/change/']").first)


def act(tab: Tab, site: Site, model: str, search: str, action: str) -> None:
    """Tick the row, choose the action by its words, run it."""
    open_list(tab, site, model, search)
    tab.page.locator("#result_list input[name=_selected_action]").first.check()
    tab.page.locator("select[name=action]").select_option(label=action)
    tab.follow(tab.page.locator("button[name=index]"))


def fill(tab: Tab, **fields: str) -> None:
    """Type into fields by their names."""
    for name, text in fields.items():
        tab.page.locator(f"[name={name}]").fill(text)


def save(tab: Tab, button: str = "_save") -> None:
    """Press one of the form's buttons."""
    tab.follow(tab.page.locator(f"button[name={button}], input[name={button}]").first)


def add_account(tab: Tab, site: Site, name: str, pasted: str, **fields: str) -> None:
    """Fill in the form for a new account and save it."""
    tab.open(f"{site.url}/admin/accounts/account/add/")
    fill(tab, name=name, new_cookies=pasted, **fields)
    save(tab)


def reload_until(tab: Tab, name: str, words: str) -> None:
    """Reload the list until the row says so: a worker has to do its part."""

    def says_so() -> bool:
        tab.page.reload()
        return row(tab, name).filter(has_text=re.compile(re.escape(words), re.IGNORECASE)).count() > 0

    wait_for(says_so, f"{words!r} at {name}", step=0.2)


def value(tab: Tab, expression: str) -> Any:
    """The value of an expression in the page, awaited."""
    return tab.page.evaluate(expression)
