"""Read environment variables with a type; a wrong value raises one line with the variable, its form and an example.

The environment is read once, at start; `bingproject.settings` is the only caller.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptography.fernet import Fernet

from bingproject.conf.origins import allowed_host, host_of, origin_of, split, web_origin_of
from bingproject.conf.ports import LOOPBACK_HOSTS
from bingproject.security.redaction import MASK

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_COMMAND_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
MAIL_PORTS = {"smtp": 25, "smtps": 465}
_EVERY_ADDRESS = ("0.0.0.0", "::")
NO_FILE = "-"


class SettingError(Exception):
    """A setting cannot be used; the text is the complete message for the operator."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The mail server, the log-in and the sender of e-mails."""

    host: str
    port: int
    user: str
    password: str
    is_tls: bool
    is_starttls: bool
    sender: str


@dataclass(frozen=True, slots=True)
class DescribedSetting:
    """One setting that was read, in a form that may be shown to strangers.

    Attributes:
        value: The text that was read, or the default; MASK for text that may identify or open something, "" for none.
        source: "default", "environment" or "file".
    """

    name: str
    value: str
    source: str


class Environment:
    """The environment variables of one process. A reader that checks its value raises SettingError."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self._described: dict[str, DescribedSetting] = {}

    @property
    def described(self) -> tuple[DescribedSetting, ...]:
        """The settings read so far, in the order of reading; readers of free text mask what is not the default."""
        return tuple(self._described.values())

    def text(self, name: str, default: str = "") -> str:
        """Return the stripped variable, or `default` when it is unset or blank."""
        self._describe(name, default)
        return self._variables.get(name, "").strip() or default

    def path(self, name: str, default: str = "") -> Path | None:
        """Return an absolute path, or None when the variable and `default` are blank."""
        return _absolute(name, self.text(name, default))

    def path_or_none(self, name: str, default: Path, shown: str) -> Path | None:
        """Return an absolute path, `default` when the variable is blank, or None when it is `-`.

        Args:
            shown: Describes `default` to strangers.
        """
        text = self.text(name)
        self._describe(name, shown, is_harmless=text == NO_FILE)
        return None if text == NO_FILE else _absolute(name, text) or default

    def secret(self, name: str) -> str:
        """Return the content of the file that `<name>_FILE` names, or else the variable."""
        path = _absolute(f"{name}_FILE", self._variables.get(f"{name}_FILE", "").strip())
        if path is None:
            return self.text(name)
        self._described[name] = DescribedSetting(name, MASK, "file")
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(
                f"{name}_FILE must name a readable text file, e.g. /run/secrets/{name.lower()}."
            ) from error

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
        """Return a whole number from `least` to `most`."""
        return self._read(name, default, int, f"a whole number from {least} to {most}", str(default), least, most)

    def seconds(self, name: str, default: float, *, least: float = 0.001) -> float:
        """Return a duration in seconds, fractions allowed."""
        return self._read(name, default, float, "a number of seconds above 0", f"{default:g}", least, 1e9)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return True for `1` and False for `0`; no other spelling is valid."""
        preset = "1" if default else "0"
        value = self.text(name, preset)
        if value not in ("0", "1"):
            raise SettingError(f"{name} must be 1 or 0, e.g. {name}=1.")
        self._describe(name, preset, is_harmless=True)
        return value == "1"

    def words(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """Return the parts of a comma-separated list, blank ones left out."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or list(default)

    def commands(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return programs by name from `name=/path argument;name2=…`, each split as a shell does."""
        found: dict[str, tuple[str, ...]] = {}
        for entry in filter(None, map(str.strip, self.text(name).split(";"))):
            label, _, line = entry.partition("=")
            try:
                words = tuple(shlex.split(line))
            except ValueError:
                words = ()
            if not _COMMAND_NAME.fullmatch(label) or label in found or not words or not words[0].startswith("/"):
                # The message omits the value: an argument may be a secret.
                raise SettingError(
                    f"{name} must name programs by their whole path, e.g. {name}=work=/usr/local/bin/token --json."
                )
            found[label] = words
        return found

    def names(self, name: str, example: str) -> list[str]:
        """Return a comma-separated list of names of letters, digits and underscores."""
        found = self.words(name)
        if not all(_NAME.fullmatch(word) for word in found):
            raise SettingError(f"{name} must list names of letters, digits and underscores, e.g. {name}={example}.")
        self._describe(name, is_harmless=True)
        return found

    def table(
        self, name: str, keys: tuple[str, ...], values: tuple[str, ...], example: str
    ) -> dict[str, tuple[str, ...]]:
        """Return lists of known values by known key, from `key=value,value;key2=…`."""
        found: dict[str, tuple[str, ...]] = {}
        for entry in filter(None, map(str.strip, self.text(name).split(";"))):
            key, _, listed = (part.strip() for part in entry.partition("="))
            words = tuple(dict.fromkeys(map(str.strip, listed.split(","))))
            if key not in keys or key in found or not set(words) <= set(values):
                form = f"key=value,value;… with the keys {', '.join(keys)} and the values {', '.join(values)}"
                raise SettingError(f"{name} must be {form}, e.g. {name}={example}.")
            found[key] = words
        self._describe(name, is_harmless=True)
        return found

    def choice(self, name: str, options: tuple[str, ...], default: str) -> str:
        """Return the variable, which must be one of `options`."""
        value = self.text(name, default)
        if value not in options:
            raise SettingError(f"{name} must be one of {', '.join(options)}, e.g. {name}={options[0]}.")
        self._describe(name, default, is_harmless=True)
        return value

    def time_zone(self, name: str, default: str) -> tzinfo:
        """Return a time zone by its IANA name, e.g. `Europe/Berlin`."""
        value = self.text(name, default)
        self._describe(name, default, is_harmless=True)
        # Known without the system's tables, which small containers lack.
        if value == "UTC":
            return UTC
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise SettingError(f"{name} must be a time zone this system knows, e.g. {name}=Europe/Berlin.") from error

    def url(
        self, name: str, default: str = "", *, schemes: tuple[str, ...] = ("https", "http"), is_whole: bool = False
    ) -> str:
        """Return an absolute URL, or "" when the variable and `default` are blank.

        Args:
            is_whole: Return the URL as given. Otherwise it is a base for paths: trailing slashes are removed.
        """
        text = self.text(name, default)
        value = text if is_whole else text.rstrip("/")
        parts = split(value)
        is_good = parts is not None and parts.scheme in schemes and bool(parts.hostname)
        if is_good and parts is not None and not is_whole:
            # Paths are appended to it, and it becomes part of the Content-Security-Policy.
            is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
            is_good = is_plain and value.isascii() and bool(host_of(parts.hostname or ""))
        if value and not is_good:
            raise SettingError(f"{name} must be an address, e.g. {name}={schemes[0]}://example.org.")
        return value

    def site(self, name: str) -> str:
        """Return a site's address as browsers send it in `Origin`, or "" when unset."""
        text = self.text(name)
        found = web_origin_of(text)
        if text and not found:
            raise SettingError(
                f"{name} must be one address without a path, user or query, a name beyond ASCII written as xn--…, "
                f"e.g. {name}=https://pictures.example.org."
            )
        return found

    def host(self, name: str, default: str) -> str:
        """Return a name or address to listen on; IPv6 may be given in brackets."""
        found = host_of(self.text(name, default)).removeprefix("[").removesuffix("]")
        if not found:
            raise SettingError(
                f"{name} must be a name or address of this machine, without quotes, scheme and port, "
                f"e.g. {name}={default}."
            )
        self._describe(name, default, is_harmless=found in (*LOOPBACK_HOSTS, *_EVERY_ADDRESS))
        return found

    def hosts(self, name: str) -> list[str]:
        """Return host names as `Host` contains them, with `.example.org` for a whole domain."""
        found = [allowed_host(word) for word in self.words(name)]
        if not all(found):
            raise SettingError(
                f"{name} must list host names without quotes, scheme and port, .example.org for all below a domain, "
                f"e.g. {name}=nas.example.org,.example.com."
            )
        return found

    def label(self, name: str, default: str, *, most: int) -> str:
        """Return at most `most` printable characters."""
        value = self.text(name, default)
        if not value.isprintable() or len(value) > most:
            raise SettingError(f"{name} must have at most {most} printable characters, e.g. {name}=worker-1.")
        self._describe(name, MASK)  # the default may name this machine
        return value

    def origins(self, name: str) -> list[str]:
        """Return origins in the form that browsers send, including `app://obsidian.md` and `null`."""
        found = [origin_of(word) for word in self.words(name)]
        if not all(found):
            raise SettingError(
                f"{name} must list origins as browsers send them, scheme://host without a path, a name beyond ASCII "
                f"written as xn--…, e.g. {name}=https://app.example.org,app://obsidian.md."
            )
        return found

    def networks(self, name: str) -> list[str]:
        """Return addresses and networks such as `10.0.0.0/8`."""
        found = self.words(name)
        try:
            for text in found:
                ip_network(text, strict=False)
        except ValueError as error:
            raise SettingError(f"{name} must list addresses or networks, e.g. {name}=10.0.0.0/8,::1.") from error
        return found

    def addressees(self, name: str) -> list[str]:
        """Return e-mail addresses."""
        found = self.words(name)
        if not all(_is_mail_address(address) for address in found):
            raise SettingError(f"{name} must list mail addresses, e.g. {name}=operator@example.org.")
        return found

    def mail_server(self, name: str) -> MailServer | None:
        """Parse `smtp://name:password@host:587/?tls=starttls&from=…` or `smtps://…`; return None when unset."""
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
        try:
            value = convert(text) if text else default
            if text and not least <= float(value) <= most:  # type: ignore[arg-type]
                raise ValueError(text)
        except ValueError as error:
            raise SettingError(f"{name} must be {form}, e.g. {name}={example}.") from error
        self._describe(name, example, is_harmless=True)
        return value

    def _describe(self, name: str, default: str = "", *, is_harmless: bool = False) -> None:
        """Note that a setting was read, and its value if that `is_harmless`: checked, and unable to hide a secret."""
        given = self._variables.get(name, "").strip()
        shown = given if is_harmless or not given else MASK
        source = "environment" if given else "default"
        self._described[name] = DescribedSetting(name, shown or default, source)


def _absolute(name: str, text: str) -> Path | None:
    # systemd and compose pass `~` on unexpanded.
    try:
        return Path(text).expanduser().resolve() if text else None
    except (OSError, RuntimeError) as error:
        raise SettingError(f"{name} must be a path, e.g. {name}=/var/lib/bingproject.") from error


def _mail_server(text: str) -> MailServer | None:
    """Parse a mail server's URL, whose user and password may be percent-encoded; return None when it is invalid."""
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


def new_secret_key() -> str:
    """Return 384 random bits as a SECRET_KEY for Django."""
    return secrets.token_urlsafe(48)


def new_seal_key() -> str:
    """Return a new Fernet key."""
    return Fernet.generate_key().decode("ascii")


def check_seal_keys(keys: list[str]) -> list[str]:
    """Return the keys unchanged.

    Raises:
        SettingError: There is no key, or one is not a Fernet key.
    """
    if not keys:
        raise SettingError("SEAL_KEYS must have at least one key, e.g. as manage.py makes it where it is not set.")
    for key in keys:
        try:
            Fernet(key)
        except ValueError as error:
            raise SettingError(
                "SEAL_KEYS must be Fernet keys (44 characters of URL-safe base64), newest first."
            ) from error
    return keys
