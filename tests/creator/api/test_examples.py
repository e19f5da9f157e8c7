"""The routes as they are shown: each exists, each example is a request the server understands."""

from __future__ import annotations

import json

import pytest
from django.urls import resolve

from creator.api.examples import ENDPOINTS, EXAMPLES, Example


@pytest.mark.parametrize("endpoint", ENDPOINTS.values())
def test_each_endpoint_exists(endpoint: str) -> None:
    """A method and a path that Django knows."""
    method, path = endpoint.split(" ")
    assert method in ("GET", "POST", "DELETE")
    assert resolve(path.replace(":taskId", "an-id").rstrip("/") or "/").func is not None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_each_example_is_a_request(example: Example) -> None:
    """Its path exists, its body is JSON, and a reading request has none."""
    assert resolve(example.path).func is not None
    assert bool(example.body) == (example.method == "POST")
    assert not example.body or isinstance(json.loads(example.body), dict)
