"""Tokens: whose, for what, until when; and what a mangled one is worth."""

from __future__ import annotations

import pytest

from bingproject.sandbox.core.tokens import COPILOT, M365, make_token, object_id, read_token


@pytest.mark.parametrize("service", [COPILOT, M365])
@pytest.mark.parametrize("is_opaque", [False, True])
def test_a_token_is_read_again(service: str, is_opaque: bool) -> None:
    """It opens its own service until its end, and no other."""
    token = read_token(make_token(service, "alice", 100.0, is_opaque=is_opaque))
    assert token is not None
    assert (token.account, token.object_id) == ("alice", object_id("alice"))
    assert token.fits(service, 99.0) and not token.fits(service, 100.0)
    assert not token.fits(M365 if service == COPILOT else COPILOT, 0.0)


def test_forms_are_those_of_life() -> None:
    """Three parts, five parts, or no parts at all."""
    assert make_token(M365, "a", 1.0).count(".") == 2
    assert make_token(M365, "a", 1.0, is_opaque=True).count(".") == 4
    assert make_token(COPILOT, "a", 1.0, is_opaque=True).count(".") == 0


@pytest.mark.parametrize("text", ["", "abc", "a.b.c", "a.b.c.d.e", "EwBabc"])
def test_what_is_no_token_of_ours(text: str) -> None:
    """Nobody's."""
    assert read_token(text) is None


def test_a_changed_token_is_nobodys() -> None:
    """Its seal no longer fits."""
    head, body, seal = make_token(M365, "alice", 1e12).split(".")
    other = make_token(M365, "bob", 1e12).split(".")[1]
    assert read_token(f"{head}.{other}.{seal}") is None
    assert read_token(f"{head}.{body}.{seal}") is not None


def test_a_token_for_another_service_says_so() -> None:
    """The audience is that of whoever asked for it."""
    token = read_token(make_token(M365, "alice", 100.0, audience="https://graph.microsoft.com"))
    assert token is not None and not token.fits(M365, 0.0)
