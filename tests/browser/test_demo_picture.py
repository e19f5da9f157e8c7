"""The README's picture of the demo: what a first start prints, and the pictures it makes; --screenshots keeps it."""

from __future__ import annotations

import base64
import html
import io
import re
import secrets
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.browser.tab import Tab
from tests.browser.test_screenshots import take
from tests.rig.parts import ROOT, Part, inherited_environment
from tests.rig.servers import free_port, wait_for

pytestmark = pytest.mark.browser
WIDTH = 1280
SHOWN_PORT = 7860  # what a start without PORT listens on
MOST_BYTES = 250_000
LAST_LINE = "and in a browser"
PICTURE = re.compile(r"http://\S+/th/id/\S+")
PAGE = """<!DOCTYPE html><style>
body { margin: 0; padding: 26px 28px; background: #121218; color: #e4e4e8; width: 1224px; }
pre { font: 15px/21px "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 26px; }
pre div { padding-left: 2.4em; text-indent: -2.4em; } b { font-weight: normal; color: #88c9a1; }
main { display: flex; gap: 16px; } img { width: 294px; height: 294px; }
</style>"""


def start_of_the_demo(folder: Path) -> tuple[list[str], list[bytes]]:
    """The lines that `make demo` prints at its first start in this folder, and the pictures they name."""
    port = free_port()
    environment = inherited_environment() | {
        "SANDBOX": "1", "PORT": str(port), "DATA_DIR": str(folder / "data"), "STATIC_ROOT": str(folder / "static"),
        "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    log = folder / "log"
    part = Part("demo", [sys.executable, "manage.py", "serve", "--demo"], environment, log, secrets.token_hex(6))
    part.start()
    try:
        wait_for(lambda: LAST_LINE in log.read_text(encoding="utf-8") or bool(part.exit_code), "the demo's picture", 90)
        text = log.read_text(encoding="utf-8")
        pictures = [httpx.get(address).raise_for_status().content for address in PICTURE.findall(text)]
        part.stop()
    finally:
        part.kill()
    for number in (0, 1):
        text = text.replace(f":{port + number}", f":{SHOWN_PORT + number}")
    return re.sub(r"(password: )\S+", r"\1••••••••", text).splitlines(), pictures


def lay_out(lines: list[str], pictures: list[bytes]) -> str:
    """A page that looks like the terminal, with the pictures below."""
    said = "".join(f"<div>{html.escape(line)}</div>" for line in lines)
    images = "".join(f'<img src="data:image/jpeg;base64,{base64.b64encode(one).decode()}">' for one in pictures)
    return f"{PAGE}<pre><b>$ make demo</b>{said}</pre><main>{images}</main>"


def test_the_demo_s_picture(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A first start names the log-in, four pictures and what to try next, and complains of nothing."""
    lines, pictures = start_of_the_demo(tmp_path)
    text = "\n".join(lines)
    assert text.count("password: ••••••••") == 2 and len(pictures) == 4
    assert not re.search("error|warning|traceback", text, re.IGNORECASE)
    tab = Tab(browser)
    tab.page.set_content(lay_out(lines, pictures), wait_until="load")
    height = int(tab.page.evaluate("document.documentElement.scrollHeight"))
    tab.resize(WIDTH, height)
    picture = take(tab, (WIDTH, height))
    tab.close()
    with Image.open(io.BytesIO(picture)) as seen:
        assert seen.size == (WIDTH, height)
    assert len(picture) < MOST_BYTES
    folder = ROOT / "docs/images" if request.config.getoption("--screenshots") else tmp_path
    (folder / "demo.png").write_bytes(picture)
