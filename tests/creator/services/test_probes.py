"""The pages that a probe reads of pictures and videos."""

from __future__ import annotations

import asyncio

import pytest

from accounts.models import Account, Capability
from bingproject.errors import CookieExpiredError
from bingproject.sandbox.server import SandboxServer
from bingproject.transcripts import Transcript
from creator.services.probes import probe_pages
from tests.factories import make_account

pytestmark = pytest.mark.django_db(transaction=True)


def probe(account: Account, capability: str) -> str:
    """What was seen."""
    transcript = Transcript(str)
    asyncio.run(probe_pages(account, capability, transcript))
    return transcript.text


@pytest.mark.parametrize("capability", [Capability.IMAGE, Capability.VIDEO])
def test_pages_are_read_and_nothing_is_made(sandbox: SandboxServer, capability: str) -> None:
    """Their statuses, and what they say is left."""
    text = probe(make_account("anna"), capability)
    assert "Bing's start page: status 200" in text and "Signed in" in text


def test_signed_out(sandbox: SandboxServer) -> None:
    """Bing does not know the cookie."""
    with pytest.raises(CookieExpiredError):
        probe(make_account("anna", cookie="expired"), Capability.IMAGE)
