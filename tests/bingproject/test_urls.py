"""Every path leads somewhere, and failures keep their form."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.test import RequestFactory

from bingproject import urls
from bingproject.edge.application import EXPOSED


@pytest.mark.parametrize("path", ["/api/schema", "/api/schema/", "/api/docs", "/api/docs/"])
def test_describes_itself_without_a_key(http: httpx.Client, settings: Any, path: str) -> None:
    """The description and its page need no key."""
    settings.ACCESS = "keys"
    assert http.get(path).status_code == 200


def test_the_page_of_the_description_is_served_from_here(http: httpx.Client) -> None:
    """Swagger UI comes from local files, whatever it links."""
    page = http.get("/api/docs/").text
    assert "/static/drf_spectacular_sidecar/" in page
    assert "cdn." not in page
    assert "unpkg" not in page


def test_the_description_names_the_contracts_routes(http: httpx.Client) -> None:
    """Each route a client may rely on is described."""
    paths = http.get("/api/schema/?format=json", headers={"Accept": "application/json"}).json()["paths"]
    assert {"/create/image", "/create/video", "/task/{task_id}", "/tasks", "/v1/images/generations"} <= set(paths)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/nowhere", "application/json"), ("/adminfoo", "application/json"), ("/admin/nowhere/", "text/html")],
)
def test_failures_are_pages_in_the_admin_only(path: str, kind: str) -> None:
    """JSON on API paths, a page in the admin; no detail in either."""
    request = RequestFactory().get(path)
    for response, status in ((urls.not_found(request, Exception("secret")), 404), (urls.server_error(request), 500)):
        assert response.status_code == status
        assert response.headers["Content-Type"].startswith(kind)
        assert b"secret" not in response.content


def test_described_headers_are_those_that_pages_may_read(http: httpx.Client) -> None:
    """A web page that is let in sees each header that the description promises."""
    paths = http.get("/api/schema/?format=json", headers={"Accept": "application/json"}).json()["paths"]
    answers = [answer for path in paths.values() for method in path.values() for answer in method["responses"].values()]
    promised = {name.lower() for answer in answers for name in answer.get("headers", {})}
    assert "x-request-id" in promised
    assert promised <= {name.strip().lower() for name in EXPOSED.split(",")}
