"""Run the sandbox, in the foreground for the commands and in a thread for tests."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from bingproject.sandbox.app import Sandbox, create_app
from bingproject.sandbox.chat.sockets import CONNECTION, TRANSPORT
from bingproject.sandbox.core.options import Options
from bingproject.sandbox.core.state import SandboxState

BACKLOG = 2048
STOP_SECONDS = 10


class OpenLineProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which gives the application the connection, so that it can cut it."""

    def on_message_begin(self) -> None:
        """Start a request's scope."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[TRANSPORT] = self.transport


class OpenSocketProtocol(WebSocketsSansIOProtocol):
    """The same for sockets, with access to frames, since ASGI has no fragments."""

    def handle_connect(self, event: Request) -> None:
        """Start a socket's scope; the application runs only after this."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            cast("dict[str, Any]", self.scope).update({TRANSPORT: self.transport, CONNECTION: self.conn})


def configure(app: Sandbox, host: str, port: int) -> uvicorn.Config:
    """Return uvicorn's configuration: no access log, HTTP/1.1, a stop that does not wait for stalled answers."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=OpenLineProtocol,
        ws=OpenSocketProtocol,
        # Microsoft's servers were seen to use neither pings nor compression, and both cost.
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="on",
        access_log=False,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )


def bind(host: str, port: int) -> socket.socket:
    """Take a port, 0 for any free one.

    Raises: OSError when it is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def run(
    options: Options, host: str, port: int, announce: Callable[[str], object], listener: socket.socket | None = None
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        announce: Called with the address once the port is taken.
        listener: A socket that listens already, instead of host and port.

    Raises:
        OSError: The port is taken.
    """
    listener = listener or bind(host, port)
    host, taken = listener.getsockname()[:2]
    announce(f"sandbox on http://{host}:{taken} (not Bing)")
    # uvicorn raises the signal again once it has stopped; SIGINT then comes out as KeyboardInterrupt.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(configure(Sandbox(options), host, taken)).run([listener])


class SandboxServer:
    """A sandbox on a port of its own, in a thread: `start()`, `url`, `state`, `stop()`; also a context manager."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, **options: Any) -> None:
        self.app = create_app(**options)
        self.host = host
        self._socket = bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(configure(self.app, host, self.port))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="sandbox", daemon=True)

    @property
    def url(self) -> str:
        """The address for BING_URL and BING_MEDIA_URL."""
        return f"http://{self.host}:{self.port}"

    @property
    def state(self) -> SandboxState:
        """The sandbox's state, for tests."""
        return self.app.state

    def start(self) -> SandboxServer:
        """Serve. The port accepts connections from the creation of this object, so nobody has to wait for it."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving, and drop stalled answers."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._socket.close()

    def __enter__(self) -> SandboxServer:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()
