"""One server and one browser for all browser tests; where there is no Chromium they are skipped."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.chromium import Chromium, Page, find_chromium
from tests.rig.parts import Part, inherited_environment
from tests.rig.servers import free_port, is_listening, wait_for

PORT_TRIES = 50


@dataclass(frozen=True, slots=True)
class Site:
    """The running server: where it is, where its sandbox is, how the operator gets in."""

    url: str
    sandbox_url: str
    password: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    def ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """A program's request to the API: the answer's `data`."""
        answer = self.http.request(method, f"{self.url}{path}", **options)
        answer.raise_for_status()
        return dict(answer.json()["data"])


def two_free_ports() -> int:
    """A port that is free with the next one, which is the sandbox's."""
    for _ in range(PORT_TRIES):
        port = free_port()
        if port < 65535 and not is_listening(port + 1):
            return port
    raise RuntimeError("no two free ports in a row")


@pytest.fixture(scope="session")
def program() -> str:
    """The browser's program."""
    return find_chromium() or pytest.skip("no Chromium: install it, or name its program in CHROMIUM")


@pytest.fixture(scope="session")
def server(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`manage.py serve` at its first start, in sandbox mode, with files and rows of its own; results come at once."""
    folder, port = tmp_path_factory.mktemp("server"), two_free_ports()
    environment = inherited_environment() | {
        "SANDBOX": "1",
        "PORT": str(port),
        "DATA_DIR": str(folder / "data"),
        "STATIC_ROOT": str(folder / "static"),
        "PYTHONUNBUFFERED": "1",
    }
    log = folder / "log"
    part = Part("serve", [sys.executable, "manage.py", "serve"], environment, log, secrets.token_hex(6))
    part.start()
    try:
        wait_for(lambda: "Operator's pages" in _read(log) or bool(part.exit_code), "the server to greet", 60)
        password = re.search(r"password: (\S+)", _read(log))
        assert password is not None, _read(log)
        site = Site(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", password[1])
        wait_for(lambda: is_listening(port + 1), "the sandbox", 30)
        options = {"image_seconds": 0, "video_seconds": 0}
        site.http.post(f"{site.sandbox_url}/_sandbox/options", json=options).raise_for_status()
        wait_for(lambda: site.http.get(f"{site.url}/readyz").status_code == 200, "the worker", 30)
        yield site
        site.http.close()
        part.stop()
    finally:
        part.kill()


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="session")
def chromium(program: str) -> Iterator[Chromium]:
    """The browser."""
    with Chromium(program) as browser:
        yield browser


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Page]:
    """A page that nobody is logged in on."""
    with chromium.new_page() as fresh:
        yield fresh


@pytest.fixture(scope="session")
def logged_in(chromium: Chromium, server: Site) -> Iterator[Page]:
    """A page on which the operator has logged in, once for all tests: passwords are slow to check."""
    with chromium.new_page() as page:
        log_in(page, server)
        yield page


@pytest.fixture
def operator(logged_in: Page) -> Page:
    """The operator's page."""
    logged_in.forget()
    return logged_in


def log_in(page: Page, server: Site) -> None:
    """Type the name and the password that the first start printed."""
    page.open(f"{server.url}/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", server.password)
    page.follow("button[type=submit]")
