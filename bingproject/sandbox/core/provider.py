"""The descriptor of a stand-in: all that the sandbox's core must know of one of Microsoft's services.

Each service's folder has one in its `provider.py`; docs/adding-a-provider.md has the steps.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from bingproject.sandbox.core.exchange import Receive, Request, SandboxReply, Scope, Send
from bingproject.sandbox.core.options import ProviderOption
from bingproject.sandbox.core.scenario import Scenario
from bingproject.sandbox.core.state import SandboxState
from bingproject.sandbox.core.tokens import SandboxTokenRules

ServeSocket = Callable[[Scope, Receive, Send], Awaitable[None]]


class SandboxRoute(NamedTuple):
    """What answers a request, given its body, and how many bytes of a body it reads; with 0, the body is not read."""

    answer: Callable[[Request, bytes], SandboxReply | Awaitable[SandboxReply]]
    largest_body: int = 0


class Site(Protocol):
    """An emulated service; one object per sandbox."""

    def find_route(self, request: Request) -> SandboxRoute | None:
        """Return what answers a request; None if this service has no such path."""

    def find_socket(self, path: str) -> ServeSocket | None:
        """Return what serves a WebSocket, from its upgrade to its end; None if there is none at that path."""

    def close(self) -> None:
        """Release what the service holds; the sandbox stops."""


@dataclass(frozen=True)
class SandboxProvider:
    """One stand-in.

    Attributes:
        name: The key of its counts in `/_sandbox/state`.
        open_site: Makes its site.
        scenarios: Its named behaviours; a name belongs to one provider.
        aliases: Other words for its scenarios.
        chat_label: What `/_sandbox/turns` calls it; "" if it is no chat.
        token: Its access tokens; None if cookies sign in to it.
        options: Settings of its own.
        doors: Values that a rule's `door` may have.
    """

    name: str
    open_site: Callable[[SandboxState], Site]
    scenarios: tuple[Scenario, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    chat_label: str = ""
    token: SandboxTokenRules | None = None
    options: tuple[ProviderOption, ...] = ()
    doors: frozenset[str] = frozenset()
