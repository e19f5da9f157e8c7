"""What a start says: addresses, the first password, the first picture or why there is none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from bingproject.server import demo
from tests.rig.servers import free_port

answer: dict[str, Any] = {}


class Answering(BaseHTTPRequestHandler):
    """Says what the test wants, and remembers what was asked."""

    def do_POST(self) -> None:
        """Answer one request."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        answer["asked"] = (self.path, self.headers["Content-Type"], json.loads(content))
        answer["key"] = self.headers["Authorization"]
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


def test_the_first_picture_with_a_key(server: None, settings: Any) -> None:
    """Where a key is needed it goes with the request, and with every command to try."""
    answer.update(status=200, body=json.dumps({"data": {"images": ["http://m.example/1"], "taskId": "the-task"}}))
    settings.OTHERS_HOST = "192.0.2.7"
    said = demo.make_first_picture("bp_key")
    assert answer["key"] == "Bearer bp_key"
    commands = [line for line in said.splitlines() if line.startswith("  curl")]
    assert len(commands) == 6
    assert all("-H 'Authorization: Bearer bp_key'" in line for line in commands)
    assert all(f"http://192.0.2.7:{settings.PORT}/" in line for line in commands)
    assert demo.local_url() == f"http://127.0.0.1:{settings.PORT}"


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
    settings.HOST, settings.PORT, settings.PUBLIC_URL, settings.OTHERS_HOST = host, 7860, "", ""
    assert demo.local_url() == demo.public_url() == expected


def test_welcome(settings: Any) -> None:
    """The first start shows the password, each later one whom it is for and how to give another."""
    settings.PUBLIC_URL = "https://pictures.example.org"
    first = demo.welcome("admin", "secret")
    assert "user: admin   password: secret   " in first
    assert "changepassword" not in first
    assert "https://pictures.example.org/admin/" in first
    later = demo.welcome("berta", "")
    assert "secret" not in later
    assert later.splitlines()[-1].startswith("  user: berta; forgot the password? ")
    assert "user:" not in demo.welcome("", "")


@pytest.mark.parametrize(
    ("folder", "before"),
    [("data", ""), ("data/demo", "DATA_DIR=data/demo "), ("/srv/a b", "DATA_DIR='/srv/a b' ")],
)
def test_the_command_for_a_new_password_is_the_one_to_type(settings: Any, folder: str, before: str) -> None:
    """In the checkout's folder, on this server's own database."""
    settings.DATA_DIR = settings.BASE_DIR / folder
    settings.BASE_DIR = Path(settings.BASE_DIR)
    command = demo.welcome("admin", "").rpartition("forgot the password? ")[2]
    assert command.startswith(before)
    assert command.endswith(" manage.py changepassword admin")
    python = command.removeprefix(before).split()[0]
    assert (settings.BASE_DIR / python).exists()


def test_others_are_told_where_to_come(settings: Any) -> None:
    """A server on all addresses says which one others use, or what they need first."""
    settings.HOST, settings.PORT, settings.PUBLIC_URL = "0.0.0.0", 7860, ""
    settings.OTHERS_HOST = "192.0.2.7"
    assert demo.welcome("", "").splitlines()[:2] == [
        "Listening on http://127.0.0.1:7860/  (stop with Ctrl-C)",
        "Others reach it at http://192.0.2.7:7860/",
    ]
    settings.OTHERS_HOST = ""
    assert "PUBLIC_URL or ALLOWED_HOSTS" in demo.welcome("", "")
    settings.HOST = "127.0.0.1"
    assert "thers" not in demo.welcome("", "")
