"""The options of a sandbox: speeds, limits and the path of its journal."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

Range = tuple[float, float]
RANGES = frozenset({"image_seconds", "video_seconds", "submit_seconds"})
NUMBERS = frozenset({"chat_gap", "chat_open_seconds", "chat_leave_seconds", "chat_ping_seconds"})


@dataclass(frozen=True)
class Options:
    """How this sandbox behaves unless a scenario changes it.

    Attributes:
        image_seconds, video_seconds, submit_seconds: Inclusive ranges; the prompt decides a generation's own value.
        chat_gap, chat_expiry: Seconds.
        chat_limit: Characters.
        chat_open_seconds: How long a socket may wait with its question.
        chat_leave_seconds: How long a socket may stay open after the end.
        chat_ping_seconds: Silence after which a hub pings.
        chat_words: Length of an answer; 0 for the whole one.
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
    chat_max_turns: int = 30
    chat_expiry: int = 6 * 3600
    chat_era: int = 2
    chat_limit: int = 32_000
    chat_open_seconds: float = 10.0
    chat_leave_seconds: float = 2.0
    chat_ping_seconds: float = 15.0
    copilot_auth: int = 1
    copilot_limit: int = 10_240
    m365_max_turns: int = 600
    journal: Path | None = None


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
    known = {field.name for field in fields(Options)}
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
    return replace(options, **values)


def _range_argument(text: str) -> Range:
    try:
        return parse_range(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def add_arguments(parser: ArgumentParser) -> None:
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
        "chat_max_turns": "turns a conversation takes (30)",
        "chat_expiry": "seconds a conversation lives (21600)",
        "chat_era": "where the chat's signature stands: 1 in the body, 2 in the headers (2)",
        "chat_limit": "characters a chat's message, or what was said before, may have (32000)",
        "copilot_auth": "what the consumer Copilot's REST calls take: 1 a Bearer token, 2 cookies and no token (1)",
        "copilot_limit": "characters a message to the consumer Copilot may have (10240)",
        "m365_max_turns": "turns a Microsoft 365 conversation takes (600)",
    }
    for name, text in counts.items():
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=int, default=getattr(default, name), metavar="N", help=text)
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


def options_from(arguments: Namespace) -> Options:
    """Turn parsed arguments into options."""
    return change_options(Options(), {field.name: getattr(arguments, field.name) for field in fields(Options)})
