"""What the form says to each kind of account, and which fields only some kinds have."""

from __future__ import annotations

import re
from html import unescape

import pytest

from accounts.admin.instructions import WORDS, conditions, explain, explain_choice, fields_of_others
from accounts.models import AccountKind

SITES = {
    AccountKind.BING: "bing.com",
    AccountKind.COPILOT: "copilot.microsoft.com",
    AccountKind.M365: "m365.cloud.microsoft",
}


@pytest.mark.parametrize("kind", AccountKind)
def test_a_kinds_words_are_of_its_own_site(kind: AccountKind) -> None:
    """And of no other's."""
    words = " ".join(explain(name, kind.value) for name in WORDS)
    assert {site for site in SITES.values() if site in words} == {SITES[kind]}


def test_while_a_kind_is_chosen_each_has_its_words_and_its_name() -> None:
    """The words of the chosen one are shown; where no script can choose, all are, and say whose they are."""
    shown = explain_choice("new_cookies")
    parts = re.findall(r'x-show="(.*?)"><noscript>(.*?): </noscript>(.*?)</span>', shown)
    assert [(unescape(when), whose, unescape(words)) for when, whose, words in parts] == [
        (f"kind == '{kind.value}'", kind.label, explain("new_cookies", kind.value)) for kind in AccountKind
    ]


def test_words_for_two_kinds_are_said_once() -> None:
    """With the names of both."""
    shown = explain_choice("token_command")
    assert shown.count("TOKEN_COMMANDS") == 1
    assert "Copilot and Microsoft 365: " in shown
    assert "kind == 'copilot' || kind == 'm365'" in unescape(shown)


def test_fields_that_only_some_kinds_have() -> None:
    """They are shown for these, and do not count for the others."""
    of_m365 = dict.fromkeys(("object_id", "tenant_id", "tier"), "kind == 'm365'")
    assert conditions() == {
        "identity_type": "kind == 'copilot'",
        **of_m365,
        "token_command": "kind == 'copilot' || kind == 'm365'",
    }
    assert set(fields_of_others("bing")) == set(conditions())
    assert set(fields_of_others("copilot")) == set(of_m365)
    assert fields_of_others("m365") == ("identity_type",)
    assert fields_of_others("") == ()
    assert explain("tier", "bing") == ""
