"""An operator's day, from the first log-in to an account that Bing wants to see a human for; docs say it by hand."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Site, log_in, running_site
from tests.browser.operating import act, add_account, fill, open_list, open_row, reload_until, row, save
from tests.browser.tab import Tab
from tests.rig.servers import wait_for

pytestmark = pytest.mark.browser
PROMPT = "a red fox in fresh snow"


@pytest.fixture(scope="module")
def day(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server on its first day: its one account must be the one that is challenged."""
    with running_site(tmp_path_factory.mktemp("day")) as site:
        yield site


def test_an_operators_day(tab: Tab, day: Site, tmp_path: Path) -> None:
    """Log in, paste, check, make a picture, read the timeline, whitelist, issue, use, revoke, find a challenge."""
    log_in(tab, day)
    cookie = f"cookie-{secrets.token_hex(16)}"
    paste_and_check(tab, day, cookie)
    see_a_picture_arrive(tab, day)
    whitelist_by_file(tab, day, tmp_path)
    key = issue_a_key(tab, day)
    use_and_revoke(tab, day, key)
    find_the_challenged_account(tab, day, cookie)
    read_the_record(tab, day)
    assert cookie not in tab.everything and key not in tab.everything
    assert tab.faults == []


def paste_and_check(tab: Tab, site: Site, cookie: str) -> None:
    """An account by its cookie; it is checked by itself, and again when asked. The sandbox's own one is put aside."""
    act(tab, site, "accounts/account", "sandbox", "Disable")
    add_account(tab, site, "first", f"Cookie: MUID=1; _U={cookie}")
    reload_until(tab, "first", "OK")
    act(tab, site, "accounts/account", "first", "Check now")
    assert "first: images: works" in tab.text and "Images: works" in row(tab, "first").inner_text()


def see_a_picture_arrive(tab: Tab, site: Site) -> None:
    """A task is there while it runs and is done soon after; its page shows the timeline and the pictures."""
    site.arrange("options", image_seconds=3)
    wish = {"query": PROMPT}
    task_id = site.ask("POST", "/create/image", json=wish, headers={"Prefer": "respond-async"})["taskId"]
    open_list(tab, site, "creator/task", task_id)
    expect(row(tab, PROMPT)).to_have_count(1)
    reload_until(tab, PROMPT, "Completed")
    site.arrange("options", image_seconds=0)
    open_row(tab, site, "creator/task", task_id)
    assert PROMPT in tab.page.locator("h1").inner_text().lower()
    timeline = tab.page.locator("#task_form ol li")
    expect(timeline).to_contain_text(["Requested", "Given to an account", "Accepted by Bing", "Completed"])
    expect(timeline.nth(2)).to_contain_text(re.compile("first.*request id", re.DOTALL))
    expect(tab.page.locator("img[src*=ImgGn]").first).to_be_visible()


def whitelist_by_file(tab: Tab, site: Site, folder: Path) -> None:
    """Import two users by CSV after a preview; a wrong file changes nothing and says why."""
    path = folder / "users.csv"
    open_list(tab, site, "accounts/whitelisteduser")
    tab.follow(tab.page.get_by_role("link", name="Import"))
    for text, words in (
        ("user_id,daily_images\nanna,-5\n", "daily_images:\nGive a whole number"),
        ("user_id,name,daily_images\nanna,Anna,20\nbert,Bert,\n", "Nothing has been changed yet"),
    ):
        path.write_text(text)
        tab.page.get_by_label("File to import").set_input_files(path)
        expect(tab.page.get_by_label("Format")).to_have_value("0")  # by the file's ending
        tab.follow(tab.page.get_by_role("button", name="Submit"))
        assert words in tab.text
    tab.follow(tab.page.get_by_role("button", name="Confirm import"))
    assert "2 new, 0 updated" in tab.text
    expect(row(tab, "anna")).to_have_count(1)


def issue_a_key(tab: Tab, site: Site) -> str:
    """A key for one of them, for pictures alone, shown this once."""
    tab.open(f"{site.url}/admin/accounts/apikey/add/")
    tab.page.locator("select[name=user]").select_option(label="anna")
    fill(tab, label="phone", per_minute="60")
    for scope in ("Videos", "Chat"):
        tab.page.get_by_label(scope, exact=True).uncheck()
    save(tab)
    key = tab.page.get_by_label("API key", exact=True).input_value()
    assert re.fullmatch(r"bp_[\w-]{43}", key)
    return key


def use_and_revoke(tab: Tab, site: Site, key: str) -> None:
    """The key makes a picture as its user and nothing else; revoked, it is refused from the next request on."""
    headers = {"Authorization": f"Bearer {key}"}
    site.ask("POST", "/create/image", json={"query": "a lighthouse at dusk"}, headers=headers)
    answer = httpx.post(f"{site.url}/create/video", json={"query": "one more"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_whitelisted")
    open_list(tab, site, "creator/task", "a lighthouse")
    assert "anna" in row(tab, "a lighthouse at dusk").inner_text()
    act(tab, site, "accounts/apikey", "anna", "Revoke")
    answer = httpx.post(f"{site.url}/create/image", json={"query": "one more"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def find_the_challenged_account(tab: Tab, site: Site, cookie: str) -> None:
    """Bing asks one of its turns for a human: the first page says which account needs somebody, and leads to it."""
    site.arrange("scenario", scenario="captcha", account=cookie)
    chat = {"model": "balanced", "messages": [{"role": "user", "content": "Are you there?"}]}
    answer = httpx.post(f"{site.url}/v1/chat/completions", json=chat, timeout=60)
    assert answer.json()["error"]["code"] == "challenge_required"

    told = tab.page.locator("tr").filter(has_text="Challenged").filter(has_text="first")

    def is_told() -> bool:
        tab.open(f"{site.url}/admin/")
        return told.count() > 0

    wait_for(is_told, "the first page to tell of the account", step=0.5)
    tab.follow(told.get_by_role("link", name="first"))
    assert "Open bing.com in your own browser" in tab.text


def read_the_record(tab: Tab, site: Site) -> None:
    """All of it was written down."""
    open_list(tab, site, "bingproject/record")
    text = tab.page.locator("#result_list").inner_text()
    for words in ("Check now", "Added by import", "Revoke", "Added.", "anna", "first"):
        assert words in text
