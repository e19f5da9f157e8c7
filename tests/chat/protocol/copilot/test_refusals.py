"""Copilot's refusals. The rows of its wire page are in test_turn and test_session."""

from __future__ import annotations

import pytest

from chat.protocol.copilot.refusals import parse_challenge, parse_error, parse_refusal


@pytest.mark.parametrize("status", [200, 201, 404, 415])
def test_other_statuses_are_no_refusals(status: int) -> None:
    """They are about the request and not about the account."""
    assert parse_refusal(status, {}, "{}", "create") is None


def test_details_are_short() -> None:
    """A long code or method of the service does not fill the log."""
    assert len(parse_challenge("x" * 10_000).detail) < 200
    assert len(parse_error("x" * 10_000, 4).detail) < 200
