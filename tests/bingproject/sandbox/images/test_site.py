"""Which path of the creator is answered by what."""

from __future__ import annotations

import pytest

from bingproject.sandbox.core.exchange import Request
from bingproject.sandbox.images.site import LARGEST_SUBMIT, ImageSite
from bingproject.sandbox.providers import new_state

ID = "1-" + "0" * 32


@pytest.fixture
def site() -> ImageSite:
    """A site with a memory of its own."""
    return ImageSite(new_state())


@pytest.mark.parametrize(
    ("method", "path", "largest_body"),
    [
        ("GET", "/images/create", 0),
        ("HEAD", "/images/create/ai-image-generator", 0),
        ("POST", "/images/create", LARGEST_SUBMIT),
        ("GET", f"/images/create/async/results/{ID}", 0),
        ("GET", f"/images/create/ai-video-generator/detail/async/{ID}", 0),
        ("GET", "/th/id/OIG1.x", 0),
    ],
)
def test_its_paths_are_answered(site: ImageSite, method: str, path: str, largest_body: int) -> None:
    """A body is read only where one is sent."""
    request = Request({"type": "http", "method": method, "path": path, "query_string": b"", "headers": []})
    route = site.find_route(request)
    assert route is not None
    assert route.largest_body == largest_body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/images/create/async/results/{ID}"),
        ("POST", "/th/id/OIG1.x"),
        ("PUT", "/images/create"),
        ("GET", f"/images/create/elsewhere/async/results/{ID}"),
        ("GET", "/images"),
    ],
)
def test_other_paths_and_methods_are_not(site: ImageSite, method: str, path: str) -> None:
    """Somebody else may know them."""
    request = Request({"type": "http", "method": method, "path": path, "query_string": b"", "headers": []})
    assert site.find_route(request) is None
    assert site.find_socket(path) is None
