"""Help texts of the account form by kind, and fields that only some kinds have."""

from __future__ import annotations

import re
from html import unescape

import pytest

from accounts.admin.instructions import (
    HELP_TEXTS,
    conditional_fields,
    fields_of_other_kinds,
    help_text_of,
    help_text_of_choice,
)
from accounts.models import AccountKind

SITES = {
    AccountKind.BING: "bing.com",
    AccountKind.COPILOT: "copilot.microsoft.com",
    AccountKind.M365: "m365.cloud.microsoft",
}


@pytest.mark.parametrize("kind", AccountKind)
def test_a_kinds_help_texts_name_its_own_site(kind: AccountKind) -> None:
    """They name no other site."""
    words = " ".join(help_text_of(name, kind.value) for name in HELP_TEXTS)
    assert {site for site in SITES.values() if site in words} == {SITES[kind]}


def test_a_new_accounts_fields_have_the_help_texts_of_all_kinds() -> None:
    """The page shows those of the chosen kind; without scripts it shows all, each with its kind's name."""
    shown = help_text_of_choice("new_cookies")
    parts = re.findall(r'x-show="(.*?)"><noscript>(.*?): </noscript>(.*?)</span>', shown)
    assert [(unescape(when), whose, unescape(words)) for when, whose, words in parts] == [
        (f"kind == '{kind.value}'", kind.label, help_text_of("new_cookies", kind.value)) for kind in AccountKind
    ]


def test_a_help_text_of_two_kinds_is_shown_once() -> None:
    """With the names of both."""
    shown = help_text_of_choice("token_command")
    assert shown.count("TOKEN_COMMANDS") == 1
    assert "Copilot and Microsoft 365: " in shown
    assert "kind == 'copilot' || kind == 'm365'" in unescape(shown)


def test_fields_that_only_some_kinds_have() -> None:
    """They are shown for these kinds, and ignored for others."""
    of_m365 = dict.fromkeys(("object_id", "tenant_id", "tier"), "kind == 'm365'")
    assert conditional_fields() == {
        "identity_type": "kind == 'copilot'",
        **of_m365,
        "token_command": "kind == 'copilot' || kind == 'm365'",
    }
    assert set(fields_of_other_kinds("bing")) == set(conditional_fields())
    assert set(fields_of_other_kinds("copilot")) == set(of_m365)
    assert fields_of_other_kinds("m365") == ("identity_type",)
    assert fields_of_other_kinds("") == ()
    assert help_text_of("tier", "bing") == ""
