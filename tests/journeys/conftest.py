"""Fixtures of the journeys: the real server, the sandbox as Bing, one account; waits that are short."""

from __future__ import annotations

import httpx
import pytest
from pytest_django import Settings

from bingproject.sandbox.server import SandboxServer
from tests.journeys.refusals import Scene, make_scene


@pytest.fixture
def scene(http: httpx.Client, sandbox: SandboxServer, settings: Settings) -> Scene:
    """Everything between a caller and Bing, with pauses of tenths of a second."""
    settings.SUBMIT_RETRY_SECONDS = (0.1, 0.1, 0.1)
    settings.POLL_TRIES = settings.POLL_PROTOCOL_TRIES = 3
    settings.POLL_BACKOFF_SECONDS = 0.05
    settings.UPSTREAM_TIMEOUT_SECONDS = 5.0
    settings.IMAGE_WAIT_SECONDS = 60
    return make_scene(http, sandbox)
