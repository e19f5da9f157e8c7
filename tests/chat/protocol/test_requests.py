"""An HTTP request as a value."""

from __future__ import annotations

import dataclasses

import pytest

from chat.protocol.requests import SessionRequest


def test_a_request_is_a_value() -> None:
    """It compares by its fields, has no body by default, and is immutable."""
    request = SessionRequest("GET", "/")
    assert request == SessionRequest("GET", "/", {}, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.path = "/x"  # type: ignore[misc] # that is the test
