"""Read requests written as wget commands, by converters or by hand: the cookies are in `--header`."""

from __future__ import annotations

import re

from accounts.microsoft.protocol.paste_formats.shells import (
    Command,
    UnclosedQuoteError,
    arguments_of,
    program_of,
    without_comments,
)
from accounts.microsoft.protocol.paste_formats.values import (
    Paste,
    PastedRequest,
    damaged,
    host_of,
    make_request,
    of_requests,
)

WGET = "a wget command"
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
# The options that are read. The referer is one so that its address is not taken for the request's.
_OPTIONS = {"--header": "header", "--user-agent": "user-agent", "-U": "user-agent", "--referer": "referer"}


def is_wget(text: str) -> bool:
    """True if the text begins with a wget command, after any comments."""
    return program_of(without_comments(text)) == "wget"


def read_wget(text: str) -> Paste:
    """Read the requests of all wget commands; cookies of a command with no or several sites are stray.

    Raises:
        PasteError: A quote is not closed.
    """
    try:
        return of_requests(WGET, tuple(_request(words) for words in arguments_of("wget", text)))
    except UnclosedQuoteError:
        raise damaged(WGET) from None


def _request(words: Command) -> PastedRequest:
    headers: list[tuple[str, str]] = []
    urls: list[str] = []
    rest = iter(words)
    for word in rest:
        option, equals, argument = word.partition("=")
        name = _OPTIONS.get(option)
        if name is None:
            urls += [word] if _ADDRESS.match(word) else []
            continue
        value = argument if equals else next(rest, "")
        if name == "header":
            name, _, value = value.partition(":")
        headers.append((name.strip().lower(), value.strip()))
    is_one = len({host_of(url) for url in urls}) == 1
    return make_request(urls[0] if is_one else "", headers, is_stray=not is_one)
