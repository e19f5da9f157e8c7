"""The gate over a real port: ids, limits, manners, and what it does with what should not come in."""

from __future__ import annotations

import httpx


def test_answers_json_for_unknown_paths(http: httpx.Client) -> None:
    """An unknown path is 404 in the error shape, with a request id."""
    answer = http.get("/nowhere", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert answer.headers["x-request-id"]
