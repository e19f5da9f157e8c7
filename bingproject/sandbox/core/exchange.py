"""Requests and replies: the few parts of HTTP that the sandbox needs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
SANDBOX_HEADER: Header = (b"x-sandbox", b"1")
# Source: docs/wire/image_creator.md, the headers every page of the creator carries.
PAGE_HEADERS: tuple[Header, ...] = (
    SANDBOX_HEADER,
    (b"cache-control", b"no-cache, no-store, must-revalidate"),
    (b"pragma", b"no-cache"),
    (b"expires", b"-1"),
)


class Fault(Enum):
    """A fault of the connection itself, below the content of the answer."""

    NONE = "none"
    CUT = "cut"
    CUT_BODY = "cut-body"
    STALL = "stall"


class SandboxReply:
    """An answer as the two ASGI messages that send it, so that a constant one costs nothing to send again."""

    __slots__ = ("body", "end", "fault", "start", "status")

    def __init__(
        self,
        body: bytes | str = b"",
        *,
        status: int = 200,
        content_type: str = HTML,
        headers: tuple[Header, ...] = (),
        page: bool = True,
        fault: Fault = Fault.NONE,
    ) -> None:
        self.status = status
        self.fault = fault
        self.body = body.encode() if isinstance(body, str) else body
        self.start: Message = {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type.encode()),
                (b"content-length", str(len(self.body)).encode()),
                *(PAGE_HEADERS if page else (SANDBOX_HEADER,)),
                *headers,
            ],
        }
        self.end: Message = {"type": "http.response.body", "body": self.body}

    @classmethod
    def json(cls, value: Any, *, status: int = 200) -> SandboxReply:
        """Answer with a value as JSON."""
        return cls(json.dumps(value, ensure_ascii=False), status=status, content_type=JSON)


class Request:
    """A request's path, query, headers and cookies, each parsed only when it is needed."""

    __slots__ = ("headers", "method", "path", "query_string")

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query_string: bytes = scope["query_string"]
        self.headers: list[Header] = scope["headers"]

    def header(self, name: bytes) -> bytes | None:
        """Return the first header of that lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def cookies(self, name: bytes) -> list[bytes]:
        """Return every value of one cookie: more than one is a fault of the client."""
        prefix = name + b"="
        found = []
        for key, value in self.headers:
            if key == b"cookie" and prefix in value:
                parts = (part.strip() for part in value.split(b";"))
                found += [part[len(prefix) :] for part in parts if part.startswith(prefix)]
        return found

    @property
    def origin(self) -> str:
        """The address of this sandbox as the client sees it."""
        return "http://" + (self.header(b"host") or b"").decode("latin-1")

    @property
    def bearer(self) -> str:
        """The token of the Authorization header, "" without one."""
        return (self.header(b"authorization") or b"").decode("latin-1").removeprefix("Bearer ")

    def query(self) -> dict[str, str]:
        """Return the query's fields; of a repeated one, the first."""
        return parse_fields(self.query_string)


def parse_fields(text: bytes) -> dict[str, str]:
    """Decode a query or a form; of a repeated field, the first counts."""
    fields: dict[str, str] = {}
    for name, value in parse_qsl(text.decode("latin-1"), keep_blank_values=True):
        fields.setdefault(name, value)
    return fields
