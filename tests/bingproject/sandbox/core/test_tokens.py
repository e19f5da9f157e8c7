"""Tokens: whose, for what, until when; and what a mangled one is worth."""

from __future__ import annotations

import pytest

from bingproject.sandbox.core.tokens import SandboxTokenRules, make_token, object_id, read_token

ENCRYPTED = SandboxTokenRules("https://service.example", "Chat.Read")
PERSONAL = SandboxTokenRules("an-id", "Chat.Write", is_personal=True)


@pytest.mark.parametrize("rules", [PERSONAL, ENCRYPTED])
@pytest.mark.parametrize("is_opaque", [False, True])
def test_a_token_is_read_again(rules: SandboxTokenRules, is_opaque: bool) -> None:
    """It opens its own service until its end, and no other."""
    token = read_token(make_token(rules, "alice", 100.0, is_opaque=is_opaque))
    assert token is not None
    assert (token.account, token.object_id) == ("alice", object_id("alice"))
    assert token.fits(rules, 99.0) and not token.fits(rules, 100.0)
    assert not token.fits(ENCRYPTED if rules is PERSONAL else PERSONAL, 0.0)


def test_forms_are_those_of_life() -> None:
    """Three parts, five parts, or no parts at all."""
    assert make_token(ENCRYPTED, "a", 1.0).count(".") == 2
    assert make_token(ENCRYPTED, "a", 1.0, is_opaque=True).count(".") == 4
    assert make_token(PERSONAL, "a", 1.0, is_opaque=True).count(".") == 0


@pytest.mark.parametrize("text", ["", "abc", "a.b.c", "a.b.c.d.e", "EwBabc"])
def test_what_is_no_token_of_ours(text: str) -> None:
    """Nobody's."""
    assert read_token(text) is None


def test_a_changed_token_is_nobodys() -> None:
    """Its signature no longer fits."""
    head, body, signature = make_token(ENCRYPTED, "alice", 1e12).split(".")
    other = make_token(ENCRYPTED, "bob", 1e12).split(".")[1]
    assert read_token(f"{head}.{other}.{signature}") is None
    assert read_token(f"{head}.{body}.{signature}") is not None


def test_a_token_for_another_service_says_so() -> None:
    """The audience is that of whoever asked for it."""
    token = read_token(make_token(ENCRYPTED, "alice", 100.0, audience="https://graph.microsoft.com"))
    assert token is not None and not token.fits(ENCRYPTED, 0.0)
