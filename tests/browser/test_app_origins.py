"""Apps and extensions whose origin is no http address: a real browser lets them call a server that names them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, BrowserContext, Page

from tests.bingproject.edge.serving import ServeRun
from tests.browser.conftest import find_chromium
from tests.browser.tab import ARGUMENTS

pytestmark = pytest.mark.browser
ASK = """
address => fetch(address + '/v1/chat/completions', {
    method: 'POST',
    headers: {'Content-Type': 'application/json', 'Authorization': 'Bearer sk-none', 'X-Stainless-OS': 'Linux'},
    body: JSON.stringify({model: 'balanced', messages: [{role: 'user', content: 'hello'}]}),
}).then(answer => answer.json().then(body => [answer.status, body.choices[0].message.content,
                                              answer.headers.get('x-request-id')]),
        error => [error.name])
"""


@dataclass(frozen=True, slots=True)
class Extension:
    """An unpacked extension with a page, and the id that its key gives it."""

    folder: Path
    id: str

    @property
    def origin(self) -> str:
        """What its pages send."""
        return f"chrome-extension://{self.id}"


def make_extension(folder: Path) -> Extension:
    """One without any permission: its page is held to CORS as any page is."""
    public = rsa.generate_private_key(65537, 2048).public_key()
    key = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    manifest = {"manifest_version": 3, "name": "t", "version": "1", "key": base64.b64encode(key).decode()}
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "page.html").write_text("<!doctype html><title>An extension</title>")
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in hashlib.sha256(key).hexdigest()[:32])
    return Extension(folder, letters)


@pytest.fixture
def extensions(tmp_path: Path) -> list[Extension]:
    """Two of them: one that the server will name, and a stranger."""
    return [make_extension(tmp_path / name) for name in ("named", "stranger")]


@pytest.fixture
def served(tmp_path: Path, extensions: list[Extension]) -> Iterator[ServeRun]:
    """A server in `open` mode that names the first extension, and pages without an origin."""
    names = f"{extensions[0].origin},null,app://obsidian.md"
    with ServeRun(tmp_path, tmp_path / "static", CORS_ALLOWED_ORIGINS=names) as run:
        yield run


@pytest.fixture
def context(tmp_path: Path, extensions: list[Extension], browser: Browser) -> Iterator[BrowserContext]:
    """A browser with both extensions."""
    folders = ",".join(str(extension.folder) for extension in extensions)
    arguments = [one for one in ARGUMENTS if one != "--headless"]
    arguments += ["--headless=new", f"--load-extension={folders}", f"--disable-extensions-except={folders}"]
    opened = browser.browser_type.launch_persistent_context(
        tmp_path / "profile", executable_path=find_chromium(), args=arguments, ignore_default_args=["--headless"]
    )
    yield opened
    opened.close()


def ask(page: Page, address: str, run: ServeRun) -> Any:
    """What a script of this page gets from the API, the answer's id header too."""
    page.goto(address)
    return page.evaluate(ASK, f"http://127.0.0.1:{run.port}")


def test_named_origins_are_let_in(context: BrowserContext, served: ServeRun, extensions: list[Extension]) -> None:
    """An extension, and a file, whose origin is `null`: the preflight passes, answer and headers can be read. A
    stranger's page gets nothing.
    """
    page = context.new_page()
    named, stranger = extensions
    for address in (f"{named.origin}/page.html", (named.folder / "page.html").as_uri()):
        status, text, request_id = ask(page, address, served)
        assert status == 200 and "hello" in text and request_id
    assert ask(page, f"{stranger.origin}/page.html", served) == ["TypeError"]
