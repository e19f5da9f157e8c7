"""What clients get opens in a browser: pictures of the right size, a video that plays."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Site
from tests.browser.operating import value
from tests.browser.tab import Tab

pytestmark = pytest.mark.browser


SIZES = {
    ("DALLE", "SQUARE"): [1024, 1024],
    ("DALLE", "LANDSCAPE"): [1792, 1024],
    ("DALLE", "PORTRAIT"): [1024, 1792],
    ("GPT4O", "LANDSCAPE"): [1536, 1024],
    ("MAI1", "PORTRAIT"): [832, 1248],
}
WAITING = {"Prefer": "wait=30"}


def test_pictures_open(tab: Tab, server: Site) -> None:
    """Each address of an answer is an image of the size that model and aspect stand for."""
    wishes = [
        ({"query": "a red fox", "model": model, "aspect": aspect}, size) for (model, aspect), size in SIZES.items()
    ]
    asking = {"Prefer": "respond-async"}
    ids = [server.ask("POST", "/create/image", json=wish, headers=asking)["taskId"] for wish, _ in wishes]
    for task_id, (_, size) in zip(ids, wishes, strict=True):
        urls = server.ask("GET", f"/task/{task_id}", headers=WAITING)["images"]
        assert urls
        for url in urls:
            tab.open(url)
            shown = value(tab, "[document.images[0].naturalWidth, document.images[0].naturalHeight]")
            assert shown == size


def test_a_video_plays(tab: Tab, server: Site) -> None:
    """The address of a finished video is one that the browser shows moving."""
    task_id = server.ask("POST", "/create/video", json={"query": "waves against a lighthouse"})["taskId"]
    task = server.ask("GET", f"/task/{task_id}", headers=WAITING)
    assert task["status"] == "completed"
    tab.open(task["video"])
    tab.page.wait_for_function("document.querySelector('video').readyState >= 3")
    value(tab, "document.querySelector('video').play()")
    tab.page.wait_for_function("document.querySelector('video').currentTime > 0.2")
    assert value(tab, "document.querySelector('video').videoWidth") > 0
