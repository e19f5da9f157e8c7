"""Access tokens for tests: claims anybody can read, and a signature nobody checks."""

from __future__ import annotations

import base64
import json
from typing import Any

COPILOT_AUDIENCE = "140e65af-45d1-4427-bf08-3e7295db6836"
M365_AUDIENCE = "https://substrate.office.com/sydney"


def make_jwt(**claims: Any) -> str:
    """A token with these claims, of consumer Copilot unless they say otherwise."""
    parts = ({"alg": "RS256", "typ": "JWT"}, {"aud": COPILOT_AUDIENCE, "scp": "ChatAI.ReadWrite"} | claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])
