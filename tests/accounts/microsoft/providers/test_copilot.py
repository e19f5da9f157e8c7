"""What the descriptor of the consumer's Copilot says."""

from __future__ import annotations

from accounts.microsoft.providers.copilot import COPILOT


def test_the_browser_must_be_known() -> None:
    """Cloudflare's clearance is bound to the browser; a token command cannot bring its name."""
    (required,) = COPILOT.required_fields
    assert (required.name, required.can_wait) == ("user_agent", False)
