"""What Copilot's ways of saying no mean; the rows themselves stand in test_reply and test_session."""

from __future__ import annotations

import pytest

from chat.protocol.copilot.refusals import parse_challenge, parse_error, parse_refusal


@pytest.mark.parametrize("status", [200, 201, 404, 415])
def test_other_statuses_are_the_callers_to_read(status: int) -> None:
    """They are about what was asked, and not about who asks."""
    assert parse_refusal(status, {}, "{}", "create") is None


def test_details_are_short() -> None:
    """What the service puts into a code or a method does not fill the log."""
    assert len(parse_challenge("x" * 10_000).detail) < 200
    assert len(parse_error("x" * 10_000).detail) < 200
