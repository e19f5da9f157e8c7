"""A real server for tests: uvicorn in a thread, on a free port, over the test database."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import uvicorn

from bingproject.edge.http_protocol import GuardedHttpProtocol

START_SECONDS = 20
STOP_SECONDS = 10


class LiveServer:
    """An ASGI application behind a port of its own."""

    def __init__(
        self, application: Any, host: str = "127.0.0.1", http: type[GuardedHttpProtocol] = GuardedHttpProtocol
    ) -> None:
        self._socket = socket.socket()
        self._socket.bind((host, 0))
        self._socket.listen(2048)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            application,
            http=http,
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="live", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> LiveServer:
        """Serve, and return once the application has started.

        Raises: RuntimeError when it has not.
        """
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the test server did not start")
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._socket.close()
