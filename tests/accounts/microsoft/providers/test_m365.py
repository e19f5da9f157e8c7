"""How the socket's address of Microsoft 365 says which account it belongs to."""

from __future__ import annotations

import pytest

from accounts.microsoft.providers.m365 import M365

SOCKET = "wss://substrate.office.com/m365Copilot/Chathub/object-id-1@tenant-id-1?scenario={}"


@pytest.mark.parametrize(
    ("scenario", "is_personal", "tier"),
    [
        ("OfficeWebPaidConsumerCopilot", False, "individual"),
        ("OfficeWebIncludedCopilot", False, "included"),
        ("OfficeWebIncludedCopilot&isEdu=true", False, "edu"),
        ("officeweb", False, "enterprise"),
        ("other", True, "individual"),
        ("other", False, ""),
    ],
)
def test_the_address_says_the_licence(scenario: str, is_personal: bool, tier: str) -> None:
    """A scenario that is not known leaves it to the token."""
    assert M365.token and M365.token.place
    assert M365.token.place.find_tier([SOCKET.format(scenario)], is_personal) == tier


def test_the_address_says_the_ids() -> None:
    """They are in the path of the socket alone."""
    assert M365.token and M365.token.place
    find_ids = M365.token.place.find_ids
    assert find_ids(["https://example.org/", SOCKET.format("x")]) == ("object-id-1", "tenant-id-1")
    assert find_ids(["https://example.org/"]) is None
