"""What the descriptor of Bing says."""

from __future__ import annotations

from accounts.microsoft.providers.bing import BING


def test_cookies_sign_in() -> None:
    """It has no token, and therefore no field for a token command."""
    assert BING.token is None
    assert "token_command" not in BING.help_texts
