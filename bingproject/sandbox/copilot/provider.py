"""The consumer Copilot's stand-in."""

from __future__ import annotations

from bingproject.sandbox.copilot.scenarios import SCENARIOS
from bingproject.sandbox.copilot.site import TOKEN, CopilotSite
from bingproject.sandbox.core.options import ProviderOption
from bingproject.sandbox.core.provider import SandboxProvider

PROVIDER = SandboxProvider(
    name=CopilotSite.name,
    chat_label=CopilotSite.name,
    open_site=CopilotSite,
    scenarios=SCENARIOS,
    token=TOKEN,
    options=(
        ProviderOption(
            "copilot_auth", 1, "what the consumer Copilot's REST calls take: 1 a Bearer token, 2 cookies and no token"
        ),
        ProviderOption("copilot_limit", 10_240, "characters a message to the consumer Copilot may have"),
    ),
)
