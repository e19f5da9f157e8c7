"""Bing Chat's stand-in."""

from __future__ import annotations

from bingproject.sandbox.chathub.scenarios import SCENARIOS
from bingproject.sandbox.chathub.site import ChatHub
from bingproject.sandbox.core.options import ProviderOption
from bingproject.sandbox.core.provider import SandboxProvider

PROVIDER = SandboxProvider(
    name=ChatHub.name,
    chat_label="bing",
    open_site=ChatHub,
    scenarios=SCENARIOS,
    options=(
        ProviderOption("chat_max_turns", 30, "turns a conversation takes"),
        ProviderOption("chat_era", 2, "where the chat's signature stands: 1 in the body, 2 in the headers"),
        ProviderOption("chat_limit", 32_000, "characters a chat's message, or what was said before, may have"),
    ),
)
