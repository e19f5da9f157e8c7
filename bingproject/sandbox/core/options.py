"""The options of a sandbox: speeds, limits and the path of its journal."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

Range = tuple[float, float]
RANGES = frozenset({"image_seconds", "video_seconds", "submit_seconds"})
NUMBERS = frozenset({"chat_gap", "chat_open_seconds", "chat_leave_seconds", "chat_ping_seconds"})


@dataclass(frozen=True)
class ProviderOption:
    """A whole number of at least 0 that one stand-in reads; `help` is its line for the command line."""

    name: str
    default: int
    help: str


@dataclass(frozen=True)
class Options:
    """How this sandbox behaves unless a scenario changes it.

    Attributes:
        image_seconds, video_seconds, submit_seconds: Inclusive ranges; the prompt decides a generation's own value.
        chat_gap, chat_expiry: Seconds.
        chat_open_seconds: How long a socket may wait with its question.
        chat_leave_seconds: How long a socket may stay open after the end.
        chat_ping_seconds: Silence after which a hub pings.
        chat_words: Length of an answer; 0 for the whole one.
        provider: The options of the stand-ins by name.
    """

    image_seconds: Range = (2.0, 3.0)
    video_seconds: Range = (5.0, 5.0)
    submit_seconds: Range = (0.0, 0.0)
    after_polls: int = 0
    boosts: int = 15
    fast_videos: int = 10
    image_limit: int = 100
    video_limit: int = 3
    chat_gap: float = 0.0
    chat_words: int = 0
    chat_expiry: int = 6 * 3600
    chat_open_seconds: float = 10.0
    chat_leave_seconds: float = 2.0
    chat_ping_seconds: float = 15.0
    journal: Path | None = None
    provider: Mapping[str, int] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return all options by name, those of the stand-ins among them."""
        values = asdict(self)
        del values["provider"]
        return {**values, **self.provider}


def parse_range(value: Any) -> Range:
    """Parse `2`, `2.5`, `"30-60"` or a pair as a range of seconds.

    Raises:
        ValueError: It is none of these, is negative, or ends before it begins.
    """
    parts: list[Any] = [value]
    if isinstance(value, str):
        parts = value.split("-")
    elif isinstance(value, list | tuple):
        parts = list(value)
    if any(isinstance(part, bool) or not isinstance(part, int | float | str) for part in parts):
        raise ValueError("seconds are numbers")
    if len(parts) not in (1, 2):
        raise ValueError("a number or a range such as 30-60 is needed")
    low, high = float(parts[0]), float(parts[-1])
    if not 0 <= low <= high < 1_000_000:
        raise ValueError("a range goes from a smaller to a larger number of seconds, both at least 0")
    return low, high


def change_options(options: Options, changes: dict[str, Any]) -> Options:
    """Return the options with some of them changed.

    Raises: ValueError for a name that does not exist or a value that does not fit it.
    """
    known = {one.name for one in fields(Options) if one.name != "provider"} | options.provider.keys()
    values: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise ValueError(f"there is no option {name!r}")
        if name in RANGES:
            values[name] = parse_range(value)
        elif name in NUMBERS:
            values[name] = parse_range(value)[0]
        elif name == "journal":
            values[name] = None if value is None else Path(value)
        elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            values[name] = value
        else:
            raise ValueError(f"{name} is a whole number of at least 0")
    provider = {name: values.pop(name, default) for name, default in options.provider.items()}
    return replace(options, provider=provider, **values)


def _range_argument(text: str) -> Range:
    try:
        return parse_range(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def add_arguments(parser: ArgumentParser, provider_options: Iterable[ProviderOption]) -> None:
    """Add the sandbox's arguments to a parser, for `python -m` and for the Django command."""
    default = Options()
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=7861, help="port to listen on (7861); 0 takes a free one")
    ranges = {
        "image_seconds": "how long a picture takes: a number, or a range such as 30-60 (2-3)",
        "video_seconds": "how long a video takes (5)",
        "submit_seconds": "how long a submit is answered later (0); it is taken half-way",
    }
    for name, text in ranges.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=_range_argument, default=getattr(default, name), metavar="SECONDS", help=text)
    counts = {
        "after_polls": "make a result ready after this many polls instead of after seconds (0: seconds)",
        "boosts": "boosts an account starts with (15)",
        "fast_videos": "fast videos an account starts with (10)",
        "image_limit": "images an account may have running (100)",
        "video_limit": "videos an account may have running (3)",
        "chat_words": "words of a chat's answer (0: an echo, as long as it is)",
        "chat_expiry": "seconds a conversation lives (21600)",
    }
    for name, text in counts.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=int, default=getattr(default, name), metavar="N", help=text)
    for option in provider_options:
        flag = "--" + option.name.replace("_", "-")
        parser.add_argument(
            flag, type=int, default=option.default, metavar="N", help=f"{option.help} ({option.default})"
        )
    seconds = {
        "chat_gap": "between two chunks of a chat (0)",
        "chat_open_seconds": "a chat's socket may be open without a question (10)",
        "chat_leave_seconds": "a chat's socket may be open after the end (2)",
        "chat_ping_seconds": "a SignalR hub may be silent before it pings (15)",
    }
    for name, text in seconds.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=float, default=getattr(default, name), metavar="SECONDS", help=text)
    parser.add_argument("--journal", type=Path, metavar="FILE", help="remember submits here, over a restart or a kill")


def options_from(arguments: Namespace, default: Options) -> Options:
    """Turn parsed arguments into options; `default` says which there are."""
    return change_options(default, {name: getattr(arguments, name) for name in default.describe()})
