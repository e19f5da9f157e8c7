"""Mask cookies, keys, tokens and prompts in log records, and format the records.

This is a safety net: no code logs secrets on purpose.
"""

from __future__ import annotations

import itertools
import json
import logging
import re
from datetime import UTC, datetime
from urllib.parse import quote

from bingproject.security import request_id

MASK = "[hidden]"
SHORTEST_SECRET = 4  # a shorter value would be masked wherever the same letters occur by chance
# For a record's message, exception and stack each. Longer text is cut before masking, which holds the interpreter.
TEXT_CHARACTERS = 16_000
LINE_CHARACTERS = 4_000
# For each argument of a record of these libraries, such as a path.
ARGUMENT_CHARACTERS = 200
_LIBRARIES = ("django.", "uvicorn.")
# A value ends where a header, a URL, a JSON text or a shell line would end it.
_VALUE = r"[^\s;,&\"'<>}\])]+"
_SECRET_NAMES = (
    r"_U|KievRPSSecAuth|WLSSC|WLID|MUIDB?|ANON|NAP|PPLState|SRCHHPGUSR|SRCHUSR|SRCHUID|SRCHD|_RwBf|_EDGE_S|_EDGE_V|_SS|"
    r"sec_access_token|X-Sydney-EncryptedConversationSignature|conversationSignature|encryptedConversationSignature|"
    r"access_?token|refresh_?token|id_token|sessionid|csrftoken|csrfmiddlewaretoken|api[-_]?key|password|"
    r"secret(?:_key)?|skey"  # what comes before an underscore needs no pattern: the look-behind lets it stand
)
# (pattern, replacement), applied in this order. Each must be linear for any text (tests/test_linearity.py): nothing
# unbounded before a part that can fail, if the same text can begin many matches.
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A whole cookie header counts as one secret, whatever the names of its cookies.
    (re.compile(r"(?i)(\b(?:set-)?cookie[\"']?\s*[:=]\s*[\"']?)(?=[^\s\"'=]{0,256}=)[^\r\n\"']+"), rf"\1{MASK}"),
    (
        re.compile(r"(?i)(\b(?:proxy-)?authorization[\"']?\s*[:=,]\s*b?[\"']?)(?:[a-z]{1,32}\s+)?[^\s\"',;}]+"),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"\bbp_[\w-]{4,}"), f"bp_{MASK}"),
    # name=value, "name": "value", name%3Dvalue
    (re.compile(rf"(?i)(?<![A-Za-z0-9])((?:{_SECRET_NAMES})[\"']?\s*(?:=|:|%3D)\s*[\"']?){_VALUE}"), rf"\1{MASK}"),
    # {"name": "_U", "value": "…"}: how a cookie editor exports, in either order of keys
    (re.compile(r"(?i)([\"']value[\"']\s*:\s*[\"'])[^\"']{8,}"), rf"\1{MASK}"),
    # Prompts are sent as q= in query strings and forms.
    (re.compile(r"(?i)((?:[?&]|%3F|%26|\b)(?:q|prompt|query)(?:=|%3D))[^\s&\"'<>]+"), rf"\1{MASK}"),
    # The number of Bing's session and its salt, in addresses and in the scripts of its pages.
    (re.compile(r"(?<![A-Za-z])(IG[\"']?\s*(?:=|:|%3D)\s*[\"']?)[0-9A-Fa-f]{32}(?![0-9A-Za-z])"), rf"\1{MASK}"),
    (re.compile(r"(\bSalt\s*[:=]\s*[\"'])[^\"'\s]+"), rf"\1{MASK}"),
    # Name and password inside an address, also one that `shorten` has cut before its `@`; the last character of the
    # scheme is enough to know it by.
    (re.compile(r"(?i)([a-z0-9+.-]://)[^\s/@\"']+(?:@|(?= … \[\d))"), rf"\1{MASK}@"),
    # JSON Web Tokens, also those that a cut has left without their dots.
    (re.compile(r"\beyJ[\w-]{8}[\w.-]*"), MASK),
)


def redact(text: str) -> str:
    """Return the text with every secret masked and the rest unchanged, in time proportional to its length."""
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def shorten(text: str) -> str:
    """Return a text of at most about `TEXT_CHARACTERS`: cut the ends of long lines, and the middle of many lines.

    Each line keeps its beginning, so that a secret still follows the name by which it is recognised.
    """
    if len(text) <= LINE_CHARACTERS:
        return text
    lines = [_shorten_line(line) for line in text.split("\n")]
    if sum(map(len, lines)) <= TEXT_CHARACTERS:
        return "\n".join(lines)
    # The end of a stack is the most useful part, so it gets three quarters.
    head = _lines_within(lines, TEXT_CHARACTERS // 4)
    tail = _lines_within(lines[len(head) :][::-1], TEXT_CHARACTERS - TEXT_CHARACTERS // 4)[::-1]
    return "\n".join([*head, f"… [{len(lines) - len(head) - len(tail)} lines cut]", *tail])


def _shorten_line(line: str) -> str:
    """Return the line's beginning, up to a blank if one is near: half a URL would hide where its password ends."""
    if len(line) <= LINE_CHARACTERS:
        return line
    kept = line[:LINE_CHARACTERS]
    kept = kept[: max(kept.rfind(" "), LINE_CHARACTERS * 3 // 4)]
    return f"{kept} … [{len(line) - len(kept)} characters cut]"


def _lines_within(lines: list[str], limit: int) -> list[str]:
    """Return the first lines that fit into `limit` characters."""
    sizes = itertools.accumulate(len(line) + 1 for line in lines)
    return [line for line, size in zip(lines, sizes, strict=True) if size <= limit]


class KnownSecrets:
    """Values that are masked wherever they occur, whatever stands around them."""

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def hide(self, *secrets: str) -> None:
        """Mask these values from now on: as given, as part of a URL, and inside JSON."""
        for secret in secrets:
            if len(secret) >= SHORTEST_SECRET:
                self._forms |= {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}

    def mask(self, text: str) -> str:
        """Return the text without the values, longer ones first."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, MASK)
        return text


class RedactionFilter(logging.Filter):
    """Mask the message, the stack and the exception's text of every record before a formatter sees them."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True after masking the record and adding the request id."""
        record.msg, record.args = redact(shorten(_message(record))), None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(shorten(record.exc_text))
        if record.stack_info:
            record.stack_info = redact(shorten(record.stack_info))
        # The exception object still has the unmasked text; only its masked rendering is passed on.
        record.exc_info = None
        if not hasattr(record, "request_id"):
            record.request_id = request_id.current.get()
        return True


def _message(record: logging.LogRecord) -> str:
    """Return the message with its arguments. A call with wrong arguments is logged too."""
    if record.name.startswith(_LIBRARIES) and isinstance(record.args, tuple):
        record.args = tuple(_shorten_argument(argument) for argument in record.args)
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg!s} {record.args!r}"


def _shorten_argument(argument: object) -> object:
    """Return the beginning of a long text; other arguments are unchanged, since `%d` needs a number."""
    if not isinstance(argument, str) or len(argument) <= ARGUMENT_CHARACTERS:
        return argument
    return f"{argument[:ARGUMENT_CHARACTERS]}…"


class ConsoleFormatter(logging.Formatter):
    """`12:30:01 WARNING creator.engine.runner: text [request id]`: for a person at a terminal."""

    def __init__(self, time_format: str = "%H:%M:%S") -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", time_format)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Return the line, with the request id if there is one."""
        line = super().formatMessage(record)
        found = getattr(record, "request_id", "")
        return f"{line} [{found}]" if found else line


class JsonFormatter(logging.Formatter):
    """One JSON object per line, `{"at": …, "level": …, "logger": …, "message": …}`, for log collectors."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, with `request_id`, `exception` and `stack` only if it has them."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        exception = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
        optional = {
            "request_id": getattr(record, "request_id", ""),
            "exception": exception,
            "stack": record.stack_info or "",
        }
        return json.dumps(line | {name: text for name, text in optional.items() if text}, ensure_ascii=False)
