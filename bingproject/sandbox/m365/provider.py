"""Microsoft 365 Copilot's stand-in."""

from __future__ import annotations

from bingproject.sandbox.core.options import ProviderOption
from bingproject.sandbox.core.provider import SandboxProvider
from bingproject.sandbox.m365.scenarios import SCENARIOS
from bingproject.sandbox.m365.site import TOKEN, M365Hub

PROVIDER = SandboxProvider(
    name=M365Hub.name,
    chat_label=M365Hub.name,
    open_site=M365Hub,
    scenarios=SCENARIOS,
    token=TOKEN,
    options=(ProviderOption("m365_max_turns", 600, "turns a Microsoft 365 conversation takes"),),
)
