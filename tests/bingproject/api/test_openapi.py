"""What all descriptions of routes share: errors by the contracts' tables, headers, keys, forms."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from bingproject.api.contracts import BING_CREATE, OPENAI
from bingproject.api.openapi import ANSWER_HEADERS, add_answers, header, json_or_form, responses, schema_of


class Body(serializers.Serializer[Any]):
    """A body."""

    text = serializers.CharField()


class Tail(msgspec.Struct):
    """A part of an answer."""

    length: Annotated[int, msgspec.Meta(ge=0)] | None


class Fox(msgspec.Struct):
    """An answer."""

    name: str
    tail: Tail
    tricks: list[str | None]
    age: int | msgspec.UnsetType = msgspec.UNSET


def test_answers_are_described_by_the_structs_that_are_sent() -> None:
    """With the parts they refer to, and null as OpenAPI 3.0 writes it; what may be left out is not required."""
    assert schema_of(Fox) == {"$ref": "#/components/schemas/Fox"}
    schemas = add_answers({"components": {"schemas": {}}}, None, None, True)["components"]["schemas"]
    assert list(schemas) == sorted(schemas)
    assert schemas["Fox"]["required"] == ["name", "tail", "tricks"]
    assert schemas["Fox"]["properties"]["tail"] == {"$ref": "#/components/schemas/Tail"}
    assert schemas["Fox"]["properties"]["tricks"] == {"type": "array", "items": {"type": "string", "nullable": True}}
    assert schemas["Tail"]["properties"]["length"] == {"type": "integer", "minimum": 0, "nullable": True}


def test_errors_are_grouped_by_the_contracts_statuses() -> None:
    """Each code once, by the name its contract shows."""
    found = responses(OPENAI, ("blocked", "under_review", "cookie_expired", "blocked"), _200=Fox)
    assert set(found) == {200, 400, 503}
    assert found[400].description == "`content_policy_violation`"
    assert found[400].response == {"$ref": "#/components/schemas/ErrorBody"}
    assert found[200] == {"$ref": "#/components/schemas/Fox"}
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
    for scheme in schemes.values():
        assert "manage.py issue_key" in scheme.pop("description")
    assert schemes["bearerKey"] == {"type": "http", "scheme": "bearer"}
    assert schemes["headerKey"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}


def test_every_post_has_an_example_to_send() -> None:
    """In each form that a body may have; tests/browser/test_public_pages.py sends them."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    bodies = {path: methods["post"]["requestBody"]["content"] for path, methods in paths.items() if "post" in methods}
    assert len(bodies) == 7
    for path, content in bodies.items():
        for media_type, body in content.items():
            values = [example["value"] for example in body.get("examples", {}).values()]
            assert len(values) == 1, (path, media_type)
    chat = bodies["/v1/chat/completions"]["application/json"]["examples"]["Example"]["value"]
    assert set(chat) == {"model", "messages"}
    for body in bodies["/chatgpt"].values():  # the page replaces these (documentation.js)
        example = body["examples"]["Example"]["value"]
        taken = [name for name, value in example.items() if value == f"createConversation.{name}"]
        assert taken == ["conversationId", "clientId", "conversationSignature"]
