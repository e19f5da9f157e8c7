"""Redirects between pages."""

from __future__ import annotations

from django.test import RequestFactory

from accounts.admin.links import lead_to


def test_a_dialog_is_redirected_by_a_header(rf: RequestFactory) -> None:
    """A plain form gets a redirect."""
    assert lead_to(rf.post("/", headers={"HX-Request": "true"}), "/there/").headers["HX-Redirect"] == "/there/"
    answer = lead_to(rf.post("/"), "/there/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/there/")
