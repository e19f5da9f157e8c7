"""The stand-in of Bing's image and video creator."""

from __future__ import annotations

from bingproject.sandbox.core.provider import SandboxProvider
from bingproject.sandbox.images.scenarios import ALIASES, SCENARIOS
from bingproject.sandbox.images.site import ImageSite
from bingproject.sandbox.images.submit_form import DOORS

PROVIDER = SandboxProvider(
    name=ImageSite.name,
    open_site=ImageSite,
    scenarios=SCENARIOS,
    aliases=ALIASES,
    doors=frozenset(DOORS.values()),
)
