"""Links from a user's page to their pictures, chats and keys."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.callers.services import issue_api_key
from tests.accounts.admin.operating import page
from tests.chat.turns import make_conversation
from tests.factories import make_task, make_user
from tests.operating import log_in_viewer

pytestmark = pytest.mark.django_db


def links(browser: Client, pk: int) -> dict[str, str]:
    """Return the links of the page's first part by their text."""
    text = page(browser, "whitelisteduser_change", pk)
    found = re.findall(
        r'href="([^"]*)">([^<]+)</a>', text.partition("Pictures, chats and keys")[2].partition("<fieldset")[0]
    )
    return {words: unescape(address) for address, words in found}


def test_a_users_page_has_links_to_the_users_rows(operator: Client) -> None:
    """To pictures, chats and keys of this user only, and to the key form with the user selected."""
    user, other = make_user("anna@x.org"), make_user("bert")
    tasks = {name: make_task(caller_id=one.caller_id, prompt=name) for name, one in (("hers", user), ("his", other))}
    chats = [make_conversation(caller_id=one.caller_id) for one in (user, other)]
    keys = [issue_api_key(one.user_id)[0] for one in (user, other)]
    found = links(operator, user.pk)
    assert list(found) == ["Pictures and videos", "Chats", "API keys", "Issue a key"]
    for words, name, rows in (
        ("Pictures and videos", "creator_task", list(tasks.values())),
        ("Chats", "chat_conversation", chats),
        ("API keys", "accounts_apikey", keys),
    ):
        shown = operator.get(found[words]).content.decode()
        hers, his = (reverse(f"admin:{name}_change", args=[row.pk]) for row in rows)
        assert hers in shown and his not in shown, words
    form = operator.get(found["Issue a key"]).content.decode()
    assert re.search(rf'<option value="{user.pk}"\s+selected', form)


def test_links_require_the_permission_of_their_page(client: Client) -> None:
    """Other pages would be refused."""
    viewer = log_in_viewer(client, "accounts", "view_whitelisteduser")
    assert links(viewer, make_user("anna").pk) == {}


def test_an_inactive_user_has_no_key_button(operator: Client) -> None:
    """A key would be refused."""
    assert "Issue a key" not in links(operator, make_user("anna", expires_at=timezone.now()).pk)
