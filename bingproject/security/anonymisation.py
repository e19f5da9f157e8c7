"""Take out of a text what identifies an installation, for texts that strangers read: names, addresses, folders.

Stricter than the log's own masking, which operators need to be able to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from bingproject.security.redaction import MASK, KnownSecrets, redact

SHORTEST_NAME = 3
# Names that every installation has: they identify nobody, and a log without them is hard to read.
COMMON_NAMES = frozenset(
    {"admin", "bingproject", "default", "localhost", "sandbox", "127.0.0.1", "0.0.0.0", "::1", "[::1]"}
)
WORD = re.compile(r"[\w-]+")
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w)")
IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")


class Anonymiser:
    """What to take out, besides secrets, mail addresses and network addresses that are recognised by their form."""

    def __init__(self, secrets: KnownSecrets, names: Iterable[str], folders: dict[str, str]) -> None:
        """Take values, names and folders.

        Args:
            secrets: Masked wherever they occur.
            names: Masked as whole words; those with a blank, a dot or another sign wherever they occur.
            folders: Absolute path → what to write in its place.
        """
        self._secrets = secrets
        wanted = {name for name in names if len(name) >= SHORTEST_NAME} - COMMON_NAMES
        # One set, looked up word by word: an installation may have thousands of callers.
        self._words = {name.lower() for name in wanted if WORD.fullmatch(name)}
        self._phrases = KnownSecrets()
        self._phrases.hide(*(name for name in wanted if not WORD.fullmatch(name)))
        self._folders = sorted(folders.items(), key=lambda pair: len(pair[0]), reverse=True)

    def clean(self, text: str) -> str:
        """Return the text without secrets, names, addresses and folders."""
        text = redact(self._secrets.mask(text))
        for folder, label in self._folders:
            if len(folder) > 1:  # "/" is part of every path
                text = text.replace(folder, label)
        text = EMAIL.sub(MASK, self._phrases.mask(text))
        text = IPV6.sub(_hide_address, IPV4.sub(_hide_address, text))
        return WORD.sub(self._hide_name, text)

    def _hide_name(self, word: re.Match[str]) -> str:
        return MASK if word[0].lower() in self._words else word[0]


def _hide_address(found: re.Match[str]) -> str:
    """Keep what looks like an address and is none, as a time does, and the addresses of every machine."""
    try:
        address = ip_address(found[0])
    except ValueError:
        return found[0]
    return found[0] if address.is_loopback or address.is_unspecified else MASK
