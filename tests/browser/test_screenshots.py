"""Pictures of the operators' pages: light, dark, and on a phone. With --screenshots they go to docs/images/."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.browser.conftest import Site, log_in, running_site
from tests.browser.operating import add_account, open_row, reload_until
from tests.browser.tab import PHONE, Tab
from tests.rig.parts import ROOT
from tests.rig.servers import wait_for

pytestmark = pytest.mark.browser
SCREEN = (1280, 860)
DRESSES = {"light": (SCREEN, "light"), "dark": (SCREEN, "dark"), "phone": (PHONE, "light")}
FURTHER_DOWN = {"dashboard": 380}  # its charts are to be in the picture
MOST_BYTES = 120_000  # each; they are part of the repository for ever
COLOURS = 256


@pytest.fixture(scope="module")
def scene(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Tab]]:
    """A server with a day behind it, and an operator who is logged in; one task is made by the server itself."""
    with running_site(tmp_path_factory.mktemp("scene")) as site:
        tab = Tab(browser)
        log_in(tab, site)
        add_account(tab, site, "studio", "the-cookie-of-the-studio-0123456789abcd")
        reload_until(tab, "studio", "OK")
        site.ask("POST", "/create/image", json={"query": "a red fox in fresh snow", "aspect": "LANDSCAPE"})
        subprocess.run([sys.executable, "-m", "tests.browser.scenery"], env=site.environment, cwd=ROOT, check=True)
        wait_for(lambda: shows_the_scene(tab, site), "the first page to know of the day")
        yield site, tab
        tab.close()


def shows_the_scene(tab: Tab, site: Site) -> bool:
    """Whether the first page has its charts: what it showed at the log-in is kept for some seconds."""
    tab.open(f"{site.url}/admin/")
    return tab.page.locator("canvas").count() > 0


def go(tab: Tab, site: Site, page: str) -> None:
    """Open one of the four pages."""
    if page == "dashboard":
        tab.open(f"{site.url}/admin/")
    elif page == "accounts":
        tab.open(f"{site.url}/admin/accounts/account/")
    elif page == "task":
        open_row(tab, site, "creator/task", "a red fox in fresh snow&state__exact=completed")
    else:
        open_row(tab, site, "chat/conversation", "")


def take(tab: Tab, size: tuple[int, int]) -> bytes:
    """The page's upper part as a small PNG: no cursor, no movement, few colours."""
    tab.page.wait_for_load_state("networkidle")
    clip = {"x": 0, "y": 0, "width": size[0], "height": size[1]}
    shot = tab.page.screenshot(animations="disabled", caret="hide", clip=clip)  # type: ignore[arg-type]
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    packed = io.BytesIO()
    picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    return packed.getvalue()


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("page", ["dashboard", "accounts", "task", "transcript"])
def test_screenshots(
    scene: tuple[Site, Tab], page: str, dress: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each page in each dress: it fits the screen, the picture shows something and is small."""
    site, tab = scene
    tab.forget()
    (width, height), scheme = DRESSES[dress]
    size = width, height + FURTHER_DOWN.get(page, 0)
    tab.resize(*size)
    tab.prefer(scheme)
    go(tab, site, page)
    assert not tab.has_sideways_scroll
    picture = take(tab, size)
    with Image.open(io.BytesIO(picture)) as seen:
        pixels = seen.convert("L")
        assert seen.size == size and len(pixels.getcolors(256) or ()) > 10
    assert len(picture) < MOST_BYTES
    folder = ROOT / "docs/images" if request.config.getoption("--screenshots") else tmp_path
    (folder / f"{page}-{dress}.png").write_bytes(picture)
    assert tab.faults == []
