"""The API's description: every route, every status of the contracts' tables, true to what the routes take."""

from __future__ import annotations

import re
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from pytest_django import Settings

from bingproject.api.contracts import BING_CREATE, OPENAI
from creator.api.serializers import CreateImageSerializer

ROUTES = {
    ("/", "get"), ("/health", "get"), ("/options", "get"), ("/task/{task_id}", "get"), ("/task/{task_id}", "delete"),
    ("/tasks", "get"), ("/create/image", "post"), ("/create/video", "post"), ("/v1/images/generations", "post"),
}  # fmt: skip


@pytest.fixture
def description() -> dict[str, Any]:
    """The whole of it."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def test_every_route_is_described_once(description: dict[str, Any]) -> None:
    """The other prefixes of the OpenAI route are left out."""
    assert {(path, method) for path, item in description["paths"].items() for method in item} >= ROUTES
    assert [path for path in description["paths"] if path.endswith("images/generations")] == ["/v1/images/generations"]


def test_every_answer_is_described(description: dict[str, Any]) -> None:
    """Waiting routes may answer with nearly every status there is; each error has the one shape."""
    for path in ("/create/image", "/create/video"):
        answers = description["paths"][path]["post"]["responses"]
        expected = {200, 202, 400, 401, 403, 409, 413, 415, 422, 429, 500, 502, 503, 504}
        assert {int(status) for status in answers} == expected
        for status in expected - {200, 202}:
            assert answers[str(status)]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")
    openai = description["paths"]["/v1/images/generations"]["post"]["responses"]
    assert "`content_policy_violation`" in openai["400"]["description"]
    assert openai["422"]["description"] == "`idempotency_mismatch`"


def test_descriptions_name_the_codes_as_their_contract_shows_them(description: dict[str, Any]) -> None:
    """An account's fault is 401 on Bing-Create routes and 503 on OpenAI's."""
    create = description["paths"]["/create/image"]["post"]["responses"]
    openai = description["paths"]["/v1/images/generations"]["post"]["responses"]
    assert "`cookie_expired`" in create["401"]["description"] and "`cookie_expired`" in openai["503"]["description"]
    assert BING_CREATE.row("cookie_expired")[1] == 401
    assert OPENAI.row("cookie_expired")[1] == 503


def test_headers_are_described(description: dict[str, Any]) -> None:
    """Those that must be there are required where they must."""
    answers = description["paths"]["/create/image"]["post"]["responses"]
    assert answers["202"]["headers"]["Location"]["required"]
    assert answers["429"]["headers"]["Retry-After"]["required"]
    assert all(answer["headers"]["X-Request-ID"]["required"] for answer in answers.values())
    assert "Location" not in answers["200"]["headers"]


def test_a_key_is_needed_where_the_server_says_so(settings: Settings) -> None:
    """In open mode none is; the public routes never need one."""
    for access, is_free in (("open", True), ("keys", False)):
        settings.ACCESS = access
        paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
        assert ({} in paths["/tasks"]["get"]["security"]) is is_free
        assert "security" not in paths["/health"]["get"]


@pytest.mark.parametrize("model", ["DALLE", "gpt4o", "Mai1", "0", "4", "2", "dall-e", "", " DALLE"])
def test_the_model_is_described_as_it_is_read(description: dict[str, Any], model: str) -> None:
    """What the pattern lets through is what the field takes."""
    properties = description["components"]["schemas"]["CreateImage"]["properties"]
    is_described = re.search(properties["model"]["anyOf"][0]["pattern"], model) is not None
    assert is_described == CreateImageSerializer(data={"query": "x", "model": model}).is_valid()
