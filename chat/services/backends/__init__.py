"""The chat back ends by name; nothing above knows which there are."""

from chat.services.backends.backend import Backend, TurnAttempt
from chat.services.backends.bing import Bing
from chat.services.backends.copilot import Copilot
from chat.services.backends.m365 import M365

BACK_ENDS: dict[str, Backend] = {back_end.name: back_end for back_end in (Bing(), Copilot(), M365())}

__all__ = ["BACK_ENDS", "Backend", "TurnAttempt"]
