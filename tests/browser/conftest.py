"""One server and one browser for all browser tests; where there is no Chromium they are skipped."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.tab import ARGUMENTS, Tab
from tests.rig.parts import Part, inherited_environment
from tests.rig.servers import free_port, is_listening, wait_for

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@dataclass(frozen=True, slots=True)
class Site:
    """The running server: where it is, where its sandbox is, how the operator gets in, how a process joins it."""

    url: str
    sandbox_url: str
    password: str
    environment: dict[str, str]
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    def ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """A program's request to the API: the answer's `data`."""
        answer = self.http.request(method, f"{self.url}{path}", **options)
        answer.raise_for_status()
        return dict(answer.json()["data"])

    def arrange(self, what: str, **wish: Any) -> None:
        """Have the sandbox behave: `scenario`, `account`, `options`."""
        self.http.post(f"{self.sandbox_url}/_sandbox/{what}", json=wish).raise_for_status()


def find_chromium() -> str:
    """The browser's program: `CHROMIUM`, else one of the usual names; empty where there is none."""
    named = os.environ.get("CHROMIUM", "")
    return shutil.which(named) or "" if named else next(filter(None, map(shutil.which, NAMES)), "")


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """`manage.py serve` at its first start, in sandbox mode, with files and rows of its own; results come at once."""
    port = free_port()
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
        site = Site(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", password[1], environment)
        wait_for(lambda: is_listening(port + 1), "the sandbox", 30)
        site.arrange("options", image_seconds=0, video_seconds=0)
        wait_for(lambda: site.http.get(f"{site.url}/readyz").status_code == 200, "the worker", 30)
        yield site
        site.http.close()
        part.stop()
    finally:
        part.kill()


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


# Of the package and not of the run: while Playwright is open its event loop stands in the way of asynchronous tests.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser."""
    program = find_chromium()
    if not program:
        pytest.skip("no Chromium: install it (Debian: apt-get install chromium), or name its program in CHROMIUM")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server of most tests."""
    with running_site(tmp_path_factory.mktemp("server")) as site:
        yield site


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A tab that nobody is logged in on."""
    fresh = Tab(browser)
    yield fresh
    fresh.close()


@pytest.fixture(scope="package")
def logged_in(browser: Browser, server: Site) -> Iterator[Tab]:
    """A tab on which the operator has logged in, once for all tests: passwords are slow to check."""
    tab = Tab(browser)
    log_in(tab, server)
    yield tab
    tab.close()


@pytest.fixture
def operator(logged_in: Tab) -> Tab:
    """The operator's tab."""
    logged_in.forget()
    return logged_in


def log_in(tab: Tab, site: Site) -> None:
    """Type the name and the password that the first start printed."""
    tab.open(f"{site.url}/admin/")
    tab.page.get_by_label("Username").fill("admin")
    tab.page.get_by_label("Password").fill(site.password)
    tab.follow(tab.page.get_by_role("button", name="Log in"))
