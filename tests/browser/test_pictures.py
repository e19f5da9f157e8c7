"""A picture from the form to the file; and the pages at the width of a small desktop."""

from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site
from tests.browser.operating import act, add_account, open_list, reload_until, value
from tests.browser.tab import PHONE, Tab

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000


def test_a_picture_is_made_seen_and_saved(operator: Tab, server: Site) -> None:
    """Prompt, *Make it*, the pictures as they come, one file; then in the gallery, by a word."""
    open_list(operator, server, "creator/task")
    operator.follow(operator.page.locator("a[href='/admin/creator/task/add/']").first)
    operator.page.locator("[name=prompt]").fill("a curlew on a salt marsh")
    operator.follow(operator.page.get_by_role("button", name="Make it"))
    pictures = operator.page.locator("#live-parts img")
    expect(pictures).to_have_count(4, timeout=PATIENCE_MS)
    expect(operator.page.get_by_text("Requested by operator admin, made by")).to_be_visible()
    with operator.page.expect_download() as saved:
        operator.page.get_by_role("link", name="Download", exact=True).first.click()
    assert saved.value.suggested_filename == "a-curlew-on-a-salt-marsh-1.jpg"
    with operator.page.expect_download() as packed:
        operator.page.get_by_role("link", name="Download all 4 (ZIP)").click()
    assert packed.value.suggested_filename == "a-curlew-on-a-salt-marsh.zip"
    operator.open(f"{server.url}/admin/creator/task/pictures/?q=curlew")
    expect(operator.page.locator(".gallery li")).to_have_count(4)
    operator.page.locator(".gallery img").first.scroll_into_view_if_needed()
    operator.page.wait_for_function("document.querySelector('.gallery img').naturalWidth > 0")
    assert operator.faults == []


QUESTION = [{"role": "user", "content": "Why is the sky blue?"}]
LISTS = ("creator/task", "accounts/account", "accounts/whitelisteduser", "accounts/apikey", "chat/conversation")


@pytest.mark.parametrize("path", LISTS)
def test_no_column_is_cut_off(operator: Tab, server: Site, path: str) -> None:
    """At 1280 pixels the table is no wider than its frame."""
    server.ask("POST", "/create/image", json={"query": "a wide picture"})
    open_list(operator, server, path)
    table = "document.querySelector('#result_list')"
    wider = f"{table} ? {table}.getBoundingClientRect().right - document.querySelector('#live-list').parentElement"
    assert value(operator, f"{wider}.getBoundingClientRect().right : 0") <= 1
    assert not operator.has_sideways_scroll


def test_no_label_is_broken(operator: Tab, server: Site) -> None:
    """At 1280 pixels each is one line, within its background; the table still fits its frame."""
    name = f"label-{secrets.token_hex(3)}"
    add_account(operator, server, name, secrets.token_hex(16))
    reload_until(operator, name, "OK")
    act(operator, server, "accounts/account", name, "Disable")
    asked = {"model": "balanced", "messages": QUESTION}
    server.http.post(f"{server.url}/v1/chat/completions", json=asked).raise_for_status()
    for path, words in (("accounts/account", "OK, disabled"), ("chat/conversation", "Open")):
        test_no_column_is_cut_off(operator, server, path)
        labels = operator.page.locator("#result_list .field-state_shown span.uppercase")
        assert words.lower() in [text.strip().lower() for text in labels.all_inner_texts()]
        fits = "labels => labels.every(label => label.scrollHeight <= label.offsetHeight + 1)"
        assert labels.evaluate_all(fits), path


@pytest.mark.parametrize(
    "path", ["auth/user/1/change", "auth/group/1/change", "creator/task/add", "creator/task/pictures"]
)
@pytest.mark.parametrize("screen", [(1280, 900), PHONE])
def test_no_form_is_wider_than_the_screen(operator: Tab, server: Site, path: str, screen: tuple[int, int]) -> None:
    """Two lists of permissions beside each other included."""
    operator.resize(*screen)
    assert operator.open(f"{server.url}/admin/{path}/") == 200
    assert not operator.has_sideways_scroll


ROOM_OF_THE_HINT = """() => {
    const field = document.querySelector("#searchbar");
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = getComputedStyle(field).font;
    const {paddingLeft, paddingRight} = getComputedStyle(field);
    const room = field.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
    return field.placeholder ? room - pen.measureText(field.placeholder).width : -1;
}"""


@pytest.mark.parametrize("path", ["creator/task", "chat/conversation"])
def test_a_hint_is_not_cut_off(operator: Tab, server: Site, path: str) -> None:
    """What can be searched for is read as a whole."""
    open_list(operator, server, path)
    assert value(operator, ROOM_OF_THE_HINT) >= 0
