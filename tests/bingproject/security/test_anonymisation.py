"""What identifies an installation is taken out of a text, and what a maintainer needs stays."""

from __future__ import annotations

import pytest

from bingproject.security.anonymisation import Anonymiser
from bingproject.security.redaction import KnownSecrets

NAMES = ["anna", "Work account (old)", "nas.example.org", "bp", "admin", "127.0.0.1"]
FOLDERS = {"/srv/anna-s/data": "DATA_DIR", "/srv": "BASE_DIR", "/": "ROOT"}


@pytest.fixture
def anonymiser() -> Anonymiser:
    """One that knows a secret, names and folders."""
    secrets = KnownSecrets()
    secrets.hide("opaque/value")
    return Anonymiser(secrets, NAMES, FOLDERS)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("opaque/value and opaque%2Fvalue", "[hidden] and [hidden]"),
        ("Cookie: _U=abc", "Cookie: [hidden]"),
        ("account anna: failed", "account [hidden]: failed"),
        ("the account “Anna”.", "the account “[hidden]”."),
        ("user:anna, /task/anna?x", "user:[hidden], /task/[hidden]?x"),
        ("Work account (old) rests", "[hidden] rests"),
        ("https://nas.example.org/", "https://[hidden]/"),
        ("to anna.smith+x@mail.example.org.", "to [hidden]."),
        ("from 192.168.1.20:443 and 203.0.113.7.", "from [hidden]:443 and [hidden]."),
        ("from [2001:db8::7]:443 and fe80::1", "from [[hidden]]:443 and [hidden]"),
        ('File "/srv/anna-s/data/x" in "/srv/manage.py"', 'File "DATA_DIR/x" in "BASE_DIR/manage.py"'),
    ],
)
def test_what_identifies_is_taken_out(anonymiser: Anonymiser, text: str, cleaned: str) -> None:
    """Secrets, names, addresses, folders."""
    assert anonymiser.clean(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01 12:30:01 WARNING creator.engine.runner: text [abc-1]",
        "joanna's banana annas",  # the name is part of other words
        "bp-web and admin at 127.0.0.1:7860, 0.0.0.0 and [::1]",
        "version 2026.10.1.0 of 5.2.19",
        'File "/usr/lib/x.py", line 3',
    ],
)
def test_what_is_needed_stays(anonymiser: Anonymiser, text: str) -> None:
    """Times, versions, loggers, and the names and addresses that every installation has."""
    assert anonymiser.clean(text) == text
