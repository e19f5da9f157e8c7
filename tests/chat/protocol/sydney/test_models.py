"""The limit of a turn and the route of a style."""

from __future__ import annotations

from chat.protocol.model_spec import Route
from chat.protocol.sydney.models import LIMIT_CHARACTERS, style_route


def test_the_limit_and_the_route_of_a_style() -> None:
    """As docs/wire/chathub.md has them."""
    assert LIMIT_CHARACTERS == 32_000
    assert style_route("creative", has_search=True) == Route("bing", "creative")
