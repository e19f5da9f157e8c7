"""A request as a value."""

from __future__ import annotations

import dataclasses

import pytest

from chat.protocol.requests import HttpRequest


def test_a_request_is_a_value() -> None:
    """It compares by what it holds, has no body by default, and cannot be changed."""
    request = HttpRequest("GET", "/")
    assert request == HttpRequest("GET", "/", {}, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.path = "/x"  # type: ignore[misc] # that is the test
