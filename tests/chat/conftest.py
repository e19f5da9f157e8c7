"""Fixtures of the chat's tests: the sandbox in place of Bing's socket, with short timers."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from bingproject.sandbox.server import SandboxServer


@pytest.fixture
def hub(sandbox: SandboxServer, settings: Settings) -> SandboxServer:
    """Bing's stand-in, its ChatHub included."""
    settings.SYDNEY_URL = sandbox.url.replace("http", "ws", 1) + "/sydney/ChatHub"
    settings.CHAT_FIRST_RECORD_SECONDS = 2.0
    settings.CHAT_GAP_SECONDS = 2.0
    return sandbox
