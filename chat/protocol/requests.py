"""An HTTP request as a value, built by a dialect and sent by `chat.client.call`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """One call beside the socket, to the address that a setting names.

    Attributes:
        path: Begins with "/" and includes the query.
        headers: Only those special to this request; the client adds cookies and the User-Agent.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
