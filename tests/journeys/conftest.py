"""Fixtures of the journeys: the real server, the sandbox as Bing, one account; waits that are short."""

from __future__ import annotations

import httpx
import pytest
from pytest_django import Settings

from accounts.models import Account
from bingproject.sandbox.server import SandboxServer
from tests.factories import make_account
from tests.journeys.chat_refusals import ChatScene, make_chat_scene, make_token_scene
from tests.journeys.chats import Chats
from tests.journeys.refusals import Scene, make_scene
from tests.servers import LiveServer


@pytest.fixture
def scene(http: httpx.Client, sandbox: SandboxServer, settings: Settings) -> Scene:
    """Everything between a caller and Bing, with pauses of tenths of a second."""
    settings.SUBMIT_RETRY_SECONDS = (0.1, 0.1, 0.1)
    settings.POLL_TRIES = settings.POLL_PROTOCOL_TRIES = 3
    settings.POLL_BACKOFF_SECONDS = 0.05
    settings.UPSTREAM_TIMEOUT_SECONDS = 5.0
    settings.IMAGE_WAIT_SECONDS = 60
    return make_scene(http, sandbox)


@pytest.fixture
def chats(site: LiveServer, hub: SandboxServer, http: httpx.Client, settings: Settings) -> Chats:
    """Everything between a caller and Bing's chat; silence alone ends nothing within a test."""
    settings.CHAT_FIRST_RECORD_SECONDS = settings.CHAT_GAP_SECONDS = 60.0
    make_account("alice")
    return Chats(site, hub, http)


@pytest.fixture
def patient_hub(hub: SandboxServer, settings: Settings) -> SandboxServer:
    """The sandbox for chats, with patience for a busy machine."""
    settings.UPSTREAM_TIMEOUT_SECONDS = 5.0
    settings.CHAT_FIRST_RECORD_SECONDS = settings.CHAT_GAP_SECONDS = 10.0
    return hub


@pytest.fixture
def chat_scene(http: httpx.Client, patient_hub: SandboxServer) -> ChatScene:
    """The same for chats, with an account of Bing's that is signed in."""
    return make_chat_scene(http, patient_hub)


@pytest.fixture
def copilot_scene(http: httpx.Client, patient_hub: SandboxServer) -> ChatScene:
    """The same over the consumer Copilot."""
    return make_token_scene(http, patient_hub, "copilot")


@pytest.fixture
def m365_scene(http: httpx.Client, patient_hub: SandboxServer) -> ChatScene:
    """The same over Microsoft 365 Copilot."""
    return make_token_scene(http, patient_hub, "m365")


@pytest.fixture
def living(chats: Chats) -> Chats:
    """The server and the sandbox; no account of Bing's."""
    Account.objects.all().delete()
    return chats
