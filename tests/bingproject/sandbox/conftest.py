"""One sandbox in a thread for these tests, forgotten before each, and browsers that visit it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from bingproject.sandbox.core.options import change_options
from bingproject.sandbox.providers import DEFAULTS
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.chat.chatters import Chatter
from tests.bingproject.sandbox.chat.relatives import CopilotClient, M365Client

Visit = Callable[..., "Browser"]
Talk = Callable[..., Chatter]
NewCopilot = Callable[..., CopilotClient]
NewM365 = Callable[..., M365Client]


class Browser:
    """An account's client: submits as a client of Bing's does, and looks at what comes of it."""

    def __init__(self, server: SandboxServer, cookie: str) -> None:
        self.server = server
        cookies = {"_U": cookie} if cookie else {}
        # Without the system's certificates a client is there at once; nothing here speaks TLS.
        self.http = httpx.Client(base_url=server.url, cookies=cookies, timeout=5, verify=False)

    def submit(self, prompt: str, *, path: str = "/images/create", **changes: str) -> httpx.Response:
        """POST an image creation; `changes` replace fields of the query."""
        query = {"q": prompt, "FORM": "GENCRE", "rt": "4", "mdl": "0", "ar": "1"} | changes
        return self.http.post(path, params=query, data={"q": prompt})

    def submit_video(self, prompt: str) -> httpx.Response:
        """POST a video creation in the standard lane."""
        query = {"q": prompt, "FORM": "GENCRE", "rt": "3", "mdl": "0", "ar": "1"}
        return self.http.post(
            "/images/create", params=query | {"ctype": "video", "pt": "3", "sm": "0"}, data={"q": prompt}
        )

    def create(self, prompt: str, **changes: str) -> str:
        """Submit and return the request id."""
        return id_of(self.submit(prompt, **changes))

    def poll(self, request_id: str, **query: str) -> httpx.Response:
        """Look at a generation once."""
        return self.http.get(f"/images/create/async/results/{request_id}", params=query)


def id_of(answer: httpx.Response) -> str:
    """Return the request id of an accepted submit."""
    assert answer.status_code == 302, answer.text
    return httpx.URL(answer.headers["location"]).params["id"]


@pytest.fixture(scope="session")
def shared_server() -> Iterator[SandboxServer]:
    """A sandbox whose results are ready at once."""
    with SandboxServer(image_seconds=0, video_seconds=0) as server:
        yield server


@pytest.fixture
def server(shared_server: SandboxServer) -> SandboxServer:
    """The same, having forgotten everything."""
    shared_server.state.reset()
    shared_server.state.options = change_options(DEFAULTS, {"image_seconds": 0, "video_seconds": 0})
    return shared_server


@pytest.fixture
def visit(server: SandboxServer) -> Iterator[Visit]:
    """Browsers by their cookie; closed afterwards."""
    browsers: list[Browser] = []

    def open_browser(cookie: str = "alice") -> Browser:
        browsers.append(Browser(server, cookie))
        return browsers[-1]

    yield open_browser
    for browser in browsers:
        browser.http.close()


@pytest.fixture
def talk(server: SandboxServer) -> Iterator[Talk]:
    """Chat clients by their cookie, each with a conversation; closed afterwards."""
    chatters: list[Chatter] = []

    def open_chatter(cookie: str = "alice") -> Chatter:
        chatters.append(Chatter(server, cookie))
        chatters[-1].create()
        return chatters[-1]

    yield open_chatter
    for chatter in chatters:
        chatter.close()


@pytest.fixture
def copilot(server: SandboxServer) -> Iterator[NewCopilot]:
    """Clients of the consumer Copilot by account, without a conversation yet; closed afterwards."""
    clients: list[CopilotClient] = []

    def make(account: str = "alice", **token: Any) -> CopilotClient:
        clients.append(CopilotClient(server, account, **token))
        return clients[-1]

    yield make
    for client in clients:
        client.http.close()


@pytest.fixture
def m365(server: SandboxServer) -> Iterator[NewM365]:
    """Clients of Microsoft 365 by account; closed afterwards."""
    clients: list[M365Client] = []

    def make(account: str = "alice", **token: Any) -> M365Client:
        clients.append(M365Client(server, account, **token))
        return clients[-1]

    yield make
    for client in clients:
        client.http.close()
