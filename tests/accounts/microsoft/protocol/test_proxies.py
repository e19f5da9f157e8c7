"""A proxy's address: what is shown of it, and what is wrong with it."""

import pytest

from accounts.microsoft.protocol import describe_proxy, find_proxy_fault, holds_secret, mask_proxy


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://anna:secret@proxy:3128", "http://anna:•••@proxy:3128"),
        ("http://anna:se:c@r/e?t://@proxy:3128", "http://anna:•••@proxy:3128"),
        ("http://:secret@[::1]:3128/", "http://:•••@[::1]:3128/"),
        ("anna:secret@proxy", "anna:•••@proxy"),
        ("http://anna@proxy:3128", "http://anna@proxy:3128"),
        ("https://proxy:3128", "https://proxy:3128"),
        ("", ""),
    ],
)
def test_a_proxys_password_is_masked(address: str, shown: str) -> None:
    """Whatever stands between the name and the last @; the rest stays, and a masked address stays as it is."""
    assert mask_proxy(address) == shown == mask_proxy(shown)


@pytest.mark.parametrize(
    ("address", "fault", "described", "is_secret"),
    [
        ("http://proxy:3128", "", "an address of proxy:3128", False),
        ("https://proxy.example.org", "", "an address of proxy.example.org", False),
        ("http://anna@proxy:3128", "", "an address of proxy:3128 with a name", True),
        ("http://anna:hunter2@[::1]:3128", "", "an address of [::1]:3128 with a name and a password", True),
        ("http://:3128", "names no host", "something that is not a proxy's address", True),
        ("http://anna:hunter2@", "names no host", "something that is not a proxy's address", True),
        ("http://", "names no host", "something that is not a proxy's address", True),
        ("socks5://proxy:1080", "does not begin with http", "something that is not a proxy's address", True),
        ("http:proxy", "does not begin with http", "something that is not a proxy's address", True),
        ("proxy:3128", "does not begin with http", "something that is not a proxy's address", True),
        ("http://proxy:3128:anna:hunter2", "cannot be read", "something that is not a proxy's address", True),
        ("http://[bad", "cannot be read", "something that is not a proxy's address", True),
        ("http://proxy:0", "port 0", "something that is not a proxy's address", True),
    ],
)
def test_what_is_said_of_a_typed_address(address: str, fault: str, described: str, is_secret: bool) -> None:
    """The fault is named, what may be shown is shown, and neither repeats a password."""
    found = find_proxy_fault(address)
    assert (fault in found) if fault else not found
    assert describe_proxy(address) == described
    assert holds_secret(address) == is_secret
    assert "hunter2" not in found + described
    assert not holds_secret("")
