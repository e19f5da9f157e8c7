"""Masks cookies, keys, tokens and prompts in log records, and gives records their form.

Never the only guard: secrets are not logged on purpose. This is the net below.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

from bingproject import request_id

MASK = "[hidden]"
# A value ends where a header, a URL, a JSON text or a shell line would end it.
_VALUE = r"[^\s;,&\"'<>}\])]+"
_SECRET_NAMES = (
    r"_U|KievRPSSecAuth|WLSSC|WLID|MUIDB?|ANON|NAP|PPLState|SRCHHPGUSR|SRCHUSR|SRCHUID|SRCHD|_RwBf|_EDGE_S|_EDGE_V|_SS|"
    r"sec_access_token|X-Sydney-EncryptedConversationSignature|conversationSignature|encryptedConversationSignature|"
    r"access_?token|refresh_?token|id_token|sessionid|csrftoken|csrfmiddlewaretoken|api[-_]?key|password|(?:\w+_)?secret(?:_key)?|skey"
)
# (pattern, replacement), applied in this order.
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A whole cookie header is one secret, whatever its cookies are called.
    (re.compile(r"(?i)(\b(?:set-)?cookie[\"']?\s*[:=]\s*[\"']?)(?=[^\s\"']*=)[^\r\n\"']+"), rf"\1{MASK}"),
    (re.compile(r"(?i)(\b(?:proxy-)?authorization[\"']?\s*[:=,]\s*b?[\"']?)(?:[a-z]+\s+)?[^\s\"',;}]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"\bbp_[\w-]{4,}"), f"bp_{MASK}"),
    # name=value, "name": "value", name%3Dvalue
    (re.compile(rf"(?i)(?<![A-Za-z0-9])((?:{_SECRET_NAMES})[\"']?\s*(?:=|:|%3D)\s*[\"']?){_VALUE}"), rf"\1{MASK}"),
    # {"name": "_U", "value": "…"}: how a cookie editor exports, in either order of keys
    (re.compile(r"(?i)([\"']value[\"']\s*:\s*[\"'])[^\"']{8,}"), rf"\1{MASK}"),
    # Prompts travel as q= in query strings and forms.
    (re.compile(r"(?i)((?:[?&]|%3F|%26|\b)(?:q|prompt|query)(?:=|%3D))[^\s&\"'<>]+"), rf"\1{MASK}"),
    # The number of Bing's session and its salt, in addresses and in the scripts of its pages.
    (re.compile(r"(?<![A-Za-z])(IG[\"']?\s*(?:=|:|%3D)\s*[\"']?)[0-9A-Fa-f]{32}(?![0-9A-Za-z])"), rf"\1{MASK}"),
    (re.compile(r"(\bSalt\s*[:=]\s*[\"'])[^\"'\s]+"), rf"\1{MASK}"),
    # Name and password inside an address.
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@\"']+@"), rf"\1{MASK}@"),
    # JSON Web Tokens.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*"), MASK),
)


def redact(text: str) -> str:
    """The text with every secret masked; the rest unchanged."""
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class RedactionFilter(logging.Filter):
    """Masks the message, the stack and the exception's text of every record before any formatter sees them."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets the record through, masked and stamped with the request id."""
        record.msg, record.args = redact(_message(record)), None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        # The exception itself still holds the unmasked text; only its masked rendering goes on.
        record.exc_info = None
        if not hasattr(record, "request_id"):
            record.request_id = request_id.current.get()
        return True


def _message(record: logging.LogRecord) -> str:
    """The message with its arguments; a call with wrong arguments is logged rather than lost."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg!s} {record.args!r}"


class ConsoleFormatter(logging.Formatter):
    """`12:30:01 WARNING creator.runner: text [request id]`: for a person at a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """The line, with the request id when the record belongs to a request."""
        line = super().formatMessage(record)
        found = getattr(record, "request_id", "")
        return f"{line} [{found}]" if found else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `{"at": …, "level": …, "logger": …, "message": …}`; for machines that collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; `request_id`, `exception` and `stack` only where there is one."""
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
