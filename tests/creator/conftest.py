"""Fixtures of the creator's tests: a sandbox on a free port, and settings that shorten waits."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from bingproject.sandbox.server import SandboxServer


@pytest.fixture
def bing(settings: Settings, short_pauses: None, forgotten_claims: None) -> Iterator[SandboxServer]:
    """A sandbox that finishes pictures in 0.3 s, with all upstream addresses pointing at it."""
    with SandboxServer(image_seconds=0.3, video_seconds=0.3) as server:
        settings.BING_URL = settings.BING_MEDIA_URL = server.url
        settings.SUBMIT_RETRY_SECONDS = (0.2, 0.3, 0.4)
        settings.POLL_BACKOFF_SECONDS = 0.3
        settings.UPSTREAM_TIMEOUT_SECONDS = 2.0
        yield server
