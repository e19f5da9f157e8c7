"""What all descriptions of routes share: errors by the contracts' tables, headers, keys, forms."""

from __future__ import annotations

from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from bingproject.contracts import BING_CREATE, OPENAI
from bingproject.description import ANSWER_HEADERS, Error, header, json_or_form, responses


class Body(serializers.Serializer[Any]):
    """A body."""

    text = serializers.CharField()


def test_errors_are_grouped_by_the_contracts_statuses() -> None:
    """Each code once, by the name its contract shows."""
    found = responses(OPENAI, ("blocked", "under_review", "cookie_expired", "blocked"), _200=Body)
    assert set(found) == {200, 400, 503}
    assert found[400].description == "`content_policy_violation`"
    assert found[400].response is Error
    assert set(responses(BING_CREATE, ("cookie_expired",))) == {401}


def test_a_header_of_answers() -> None:
    """Of all of them, or of those that are named."""
    assert header("X-A", "Text.").response is True
    found = header("X-A", "Text.", 202, required=True)
    assert (found.response, found.required, found.location) == ([202], True, OpenApiParameter.HEADER)


def test_a_body_that_may_come_as_a_form() -> None:
    """The form is the body with text in every field nobody knows."""
    found = json_or_form(Body)
    assert found["application/json"] is Body
    form = found["application/x-www-form-urlencoded"]
    assert issubclass(form, Body)
    assert form(data={"text": "x"}).is_valid()


def test_every_described_route_tells_its_headers() -> None:
    """Those that every answer has, wherever a key is needed and wherever not."""
    names = {parameter.name for parameter in ANSWER_HEADERS}
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    for path in ("/health", "/tasks", "/v1/models"):
        assert set(paths[path]["get"]["responses"]["200"]["headers"]) >= names - {"Retry-After"}


def test_both_ways_to_send_a_key_are_described() -> None:
    """`Authorization: Bearer` and `X-API-Key`."""
    schemes = SchemaGenerator().get_schema(request=None, public=True)["components"]["securitySchemes"]  # type: ignore[no-untyped-call]
    assert schemes["bearerKey"] == {"type": "http", "scheme": "bearer"}
    assert schemes["headerKey"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}
