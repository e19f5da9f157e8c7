"""Those who are told, as servers on loopback: somebody's webhook, somebody's mail server."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook(ThreadingHTTPServer):
    """Remembers what was posted; answers with the statuses it was given, then with the last of them."""

    daemon_threads = False  # closing waits for each connection, so that none is left open

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses) or [204]
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Posted)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Posted(BaseHTTPRequestHandler):
    server: Webhook
    timeout = 5

    def do_POST(self) -> None:
        """Take it in."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        seen = self.server.seen
        seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status = self.server.statuses[min(len(seen), len(self.server.statuses)) - 1]
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """So would be followed, what is not to be."""
        self.do_POST()

    def log_message(self, *_words: object) -> None:
        """Nothing."""


class Post(socketserver.ThreadingTCPServer):
    """A mail server that takes every letter, or answers one command with a refusal."""

    daemon_threads = False  # closing waits for each connection, so that none is left open
    allow_reuse_address = True

    def __init__(self, *, refused: str = "", answer: str = "550 no") -> None:
        self.refused, self.answer = refused, answer
        self.letters: list[str] = []
        super().__init__(("127.0.0.1", 0), _Letter)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Letter(socketserver.StreamRequestHandler):
    server: Post
    timeout = 5

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        """One connection, until it says QUIT."""
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.split(maxsplit=1)[0].upper()
            if word == self.server.refused:
                self._say(self.server.answer)
            elif word in ("EHLO", "HELO"):
                self._say("250-here\r\n250 AUTH PLAIN")
            elif word == "AUTH":
                self._say("235 welcome")
            elif word == "DATA":
                self._say("354 go on")
                letter = []
                while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    letter.append(text)
                self.server.letters.append("\n".join(letter))
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """The server at work for the block."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)
