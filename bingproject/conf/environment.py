"""Typed readers of environment variables: a wrong value is one line that names variable, form and example.

Reads the environment once, at start; `bingproject.settings` is the only caller.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.fernet import Fernet

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_COMMAND_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


MAIL_PORTS = {"smtp": 25, "smtps": 465}


class SettingError(Exception):
    """A setting that cannot be used; its text is the whole message an operator needs."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed in, and as whom."""

    host: str
    port: int
    user: str
    password: str
    is_tls: bool
    is_starttls: bool
    sender: str


class Environment:
    """The variables of one process, read with a type, a default and a plain error."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    def text(self, name: str, default: str = "") -> str:
        """The variable, stripped; `default` when unset or blank."""
        return self._variables.get(name, "").strip() or default

    def secret(self, name: str) -> str:
        """The variable, or the content of the file that `<name>_FILE` names."""
        path = self.text(f"{name}_FILE")
        if not path:
            return self.text(name)
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"{name}_FILE must name a readable text file, e.g. /run/secrets/{name.lower()}."
            ) from error

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
        """A whole number between `least` and `most`."""
        return self._read(name, default, int, f"a whole number from {least} to {most}", str(default), least, most)

    def seconds(self, name: str, default: float, *, least: float = 0.001) -> float:
        """A duration in seconds, fractions allowed."""
        return self._read(name, default, float, "a number of seconds above 0", f"{default:g}", least, 1e9)

    def flag(self, name: str, default: bool = False) -> bool:
        """`1` or `0`."""
        value = self.text(name, "1" if default else "0")
        if value not in ("0", "1"):
            raise SettingError(f"{name} must be 1 or 0, e.g. {name}=1.")
        return value == "1"

    def words(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """A comma-separated list."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or list(default)

    def commands(self, name: str) -> dict[str, tuple[str, ...]]:
        """Programs by name, `name=/path argument;name2=…`, each split as a shell would."""
        found: dict[str, tuple[str, ...]] = {}
        for entry in filter(None, map(str.strip, self.text(name).split(";"))):
            label, _, line = entry.partition("=")
            try:
                words = tuple(shlex.split(line))
            except ValueError:
                words = ()
            if not _COMMAND_NAME.fullmatch(label) or label in found or not words or not words[0].startswith("/"):
                # The value stays out of it: an argument may be a secret.
                raise SettingError(
                    f"{name} must name programs by their whole path, e.g. {name}=work=/usr/local/bin/token --json."
                )
            found[label] = words
        return found

    def names(self, name: str, example: str) -> list[str]:
        """A comma-separated list of names: letters, digits and underscores."""
        found = self.words(name)
        if not all(_NAME.fullmatch(word) for word in found):
            raise SettingError(f"{name} must list names of letters, digits and underscores, e.g. {name}={example}.")
        return found

    def table(
        self, name: str, keys: tuple[str, ...], values: tuple[str, ...], example: str
    ) -> dict[str, tuple[str, ...]]:
        """Lists by key, `key=value,value;key2=…`, of known keys and values."""
        found: dict[str, tuple[str, ...]] = {}
        for entry in filter(None, map(str.strip, self.text(name).split(";"))):
            key, _, listed = (part.strip() for part in entry.partition("="))
            words = tuple(dict.fromkeys(map(str.strip, listed.split(","))))
            if key not in keys or key in found or not set(words) <= set(values):
                form = f"key=value,value;… with the keys {', '.join(keys)} and the values {', '.join(values)}"
                raise SettingError(f"{name} must be {form}, e.g. {name}={example}.")
            found[key] = words
        return found

    def choice(self, name: str, options: tuple[str, ...], default: str) -> str:
        """One of a few words."""
        value = self.text(name, default)
        if value not in options:
            raise SettingError(f"{name} must be one of {', '.join(options)}, e.g. {name}={options[0]}.")
        return value

    def url(
        self, name: str, default: str = "", *, schemes: tuple[str, ...] = ("https", "http"), is_whole: bool = False
    ) -> str:
        """An absolute address, without a trailing slash unless it is whole; empty when unset without a default.

        `is_whole`: no path is put behind it, so that it is what was given.
        """
        text = self.text(name, default)
        value = text if is_whole else text.rstrip("/")
        try:
            parts = urlsplit(value)
            is_good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_good = False
        if value and not is_good:
            raise SettingError(f"{name} must be an address, e.g. {name}={schemes[0]}://example.org.")
        return value

    def origins(self, name: str) -> list[str]:
        """A comma-separated list of origins such as `https://app.example.org`."""
        found = self.words(name)
        for origin in found:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
                raise SettingError(f"{name} must list origins, e.g. {name}=https://app.example.org.")
        return found

    def networks(self, name: str) -> list[str]:
        """A comma-separated list of addresses and networks such as `10.0.0.0/8`."""
        found = self.words(name)
        try:
            for text in found:
                ip_network(text, strict=False)
        except ValueError as error:
            raise SettingError(f"{name} must list addresses or networks, e.g. {name}=10.0.0.0/8,::1.") from error
        return found

    def addressees(self, name: str) -> list[str]:
        """A comma-separated list of mail addresses."""
        found = self.words(name)
        if not all(_is_mail_address(address) for address in found):
            raise SettingError(f"{name} must list mail addresses, e.g. {name}=operator@example.org.")
        return found

    def mail_server(self, name: str) -> MailServer | None:
        """`smtp://name:password@host:587/?tls=starttls&from=…`, or smtps; None when unset."""
        text = self.secret(name)
        if not text:
            return None
        server = _mail_server(text)
        if server is None:
            example = f"{name}=smtp://name:password@mail.example.org:587/?tls=starttls"
            raise SettingError(f"{name} must be the address of a mail server, e.g. {example}.")
        return server

    def _read(
        self, name: str, default: T, convert: Callable[[str], T], form: str, example: str, least: float, most: float
    ) -> T:
        text = self.text(name)
        if not text:
            return default
        try:
            value = convert(text)
            if not least <= float(value) <= most:  # type: ignore[arg-type]
                raise ValueError(text)
        except ValueError as error:
            raise SettingError(f"{name} must be {form}, e.g. {name}={example}.") from error
        return value


def _mail_server(text: str) -> MailServer | None:
    """What an address of a mail server says; None when it is none. The password may be percent-encoded."""
    try:
        parts = urlsplit(text)
        port = MAIL_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        return None
    options = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    tls, sender = options.pop("tls", ""), options.pop("from", "")
    is_plain = parts.scheme == "smtp"
    if parts.scheme not in MAIL_PORTS or not parts.hostname or not port or parts.path.strip("/") or options:
        return None
    if tls not in ("", "starttls") or (tls and not is_plain) or (sender and not _is_mail_address(sender)):
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailServer(parts.hostname, port, user, password, not is_plain, bool(tls), sender)


def _is_mail_address(text: str) -> bool:
    name, _, domain = text.rpartition("@")
    return bool(name and domain) and text.isprintable() and not any(sign in text for sign in " ,;<>")


def stored_secret(path: Path, create: Callable[[], str]) -> str:
    """The secret kept in `path`; made once, readable by its owner only.

    A second process that starts at the same moment reads what the first one wrote.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(create(), encoding="ascii")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii").strip()


def new_secret_key() -> str:
    """A key for Django: 384 random bits."""
    return secrets.token_urlsafe(48)


def new_seal_key() -> str:
    """A key for `cryptography.fernet`."""
    return Fernet.generate_key().decode("ascii")


def check_seal_keys(keys: list[str]) -> list[str]:
    """The keys as given, each one proved to be a Fernet key."""
    for key in keys:
        try:
            Fernet(key)
        except ValueError as error:
            raise SettingError(
                "SEAL_KEYS must be Fernet keys (44 characters of URL-safe base64), newest first."
            ) from error
    return keys
