"""What a start says: addresses, the first password, the first picture or why there is none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from bingproject import demo
from tests.rig.servers import free_port

answer: dict[str, Any] = {}


class Answering(BaseHTTPRequestHandler):
    """Says what the test wants, and remembers what was asked."""

    def do_POST(self) -> None:
        """Answer one request."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        answer["asked"] = (self.path, self.headers["Content-Type"], json.loads(content))
        body = answer["body"].encode()
        self.send_response(answer["status"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Something listens where our server would; the environment names a proxy that does not exist."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    listening = HTTPServer(("127.0.0.1", 0), Answering)
    settings.HOST, settings.PORT = "127.0.0.1", listening.server_port
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield
    listening.shutdown()
    thread.join()
    listening.server_close()


def test_the_first_picture(server: None) -> None:
    """It is asked for like any client does; its addresses and the commands to try are shown."""
    images = ["http://media.example/1?pid=ImgGn", "http://media.example/2?pid=ImgGn"]
    answer.update(status=200, body=json.dumps({"data": {"images": images, "taskId": "the-task"}}))
    said = demo.make_first_picture()
    assert answer["asked"] == ("/create/image", "application/json", {"query": demo.PROMPT})
    assert [line.strip() for line in said.splitlines()[1:3]] == images
    for path in ("/create/image", "/create/video", "/v1/chat/completions", "/task/the-task", "/api/docs/"):
        assert f"{demo.local_url()}{path}" in said


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, '{"error": {"message": "No worker is running."}}', "(503): No worker is running."),
        (500, "{}", "(500): no reason given"),
        (200, "not JSON", "could not be asked for"),
        (502, "not JSON", "could not be asked for"),
    ],
)
def test_a_failed_first_picture_says_why(server: None, status: int, body: str, reason: str) -> None:
    """The reason is shown and the server goes on: nothing is raised."""
    answer.update(status=status, body=body)
    assert reason in demo.make_first_picture()


def test_nobody_answers(settings: Any) -> None:
    """No server: a line, no stack."""
    settings.HOST, settings.PORT = "127.0.0.1", free_port()
    assert "could not be asked for" in demo.make_first_picture()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:7860"),
        ("0.0.0.0", "http://127.0.0.1:7860"),
        ("::", "http://[::1]:7860"),
        ("localhost", "http://localhost:7860"),
    ],
)
def test_local_url(settings: Any, host: str, expected: str) -> None:
    """An address that means "all of them" is reached by loopback."""
    settings.HOST, settings.PORT, settings.PUBLIC_URL = host, 7860, ""
    assert demo.local_url() == demo.public_url() == expected


def test_welcome(settings: Any) -> None:
    """The password stands there when it was just made, and never otherwise."""
    settings.PUBLIC_URL = "https://pictures.example.org"
    assert "password: secret" in demo.welcome("secret")
    assert "https://pictures.example.org/admin/" in demo.welcome("secret")
    assert "password" not in demo.welcome("")
