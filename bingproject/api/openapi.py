"""How every route is described for `/api/schema/`: its errors from the contracts' tables, its headers, its key.

Nothing here runs while a request is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

import msgspec
from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from bingproject.api._compat_drf_spectacular import map_serializer
from bingproject.api.contracts import Contract, ErrorBody

F = TypeVar("F", bound=Callable[..., Any])

EXAMPLE_USER = "demo"  # whom the examples name where only a whitelisted user is answered
REFERENCE = "#/components/schemas/"
MEDIA_TYPES = ("application/json", "application/x-www-form-urlencoded")
ANYWHERE = ("invalid_value", "origin_not_allowed", "too_large", "internal", "stopping", "unavailable")
WITH_KEY = ("invalid_api_key", "not_whitelisted", "rate_limit_exceeded")


KEY_HELP = (
    "A key such as `bp_…`, either here or in the other field. An operator issues it: in the admin under *API keys*, or "
    "by `manage.py whitelist add NAME` and `manage.py issue_key NAME`. An open server, such as the demo, needs none."
)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The two headers that carry a key; where the server is open, none is needed."""

    target_class = "accounts.callers.authentication.ApiKeyAuthentication"
    name = ["bearerKey", "headerKey"]  # noqa: RUF012 - as the base class has it

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """Either header will do."""
        either: list[dict[str, list[Any]]] = [{name: []} for name in self.name]
        return [*either, {}] if settings.ACCESS == "open" else either

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """`Authorization: Bearer bp_…` and `X-API-Key: bp_…`."""
        return [
            {"type": "http", "scheme": "bearer", "description": KEY_HELP},
            {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": KEY_HELP},
        ]


class FormBody(serializers.Serializer[Any]):
    """Marks a body that comes as a form; `example` is what the documentation's page puts into its fields."""

    example: ClassVar[dict[str, Any]] = {}


class FormExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """In a form everything is text and occurs once; unknown fields are ignored there too.

    Swagger UI takes a form's fields from their own examples, not from the body's.
    """

    target_class = FormBody
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        """The body's own description, with that said."""
        found = map_serializer(auto_schema, self.target, direction)
        for name, value in self.target.example.items():
            found["properties"][name] = {**found["properties"][name], "example": value}
        return found | {"additionalProperties": {"type": "string"}}


_answers: dict[str, Any] = {}


def schema_of(answer: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the reference to an answer's schema, which `add_answers` puts into the document."""
    (reference,), schemas = msgspec.json.schema_components([answer], ref_template=f"{REFERENCE}{{name}}")
    _answers.update(schemas)
    return reference


def add_answers(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the schemas of all answers that routes refer to. A hook of drf-spectacular, named in the settings."""
    schemas = result["components"]["schemas"]
    schemas.update({name: _as_openapi(schema) for name, schema in _answers.items()})
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


def _as_openapi(schema: Any) -> Any:
    """Return a JSON Schema in the words of OpenAPI 3.0, which has no type `null`."""
    if isinstance(schema, list):
        return [_as_openapi(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _as_openapi(part) for name, part in schema.items()}
    kinds = found.get("anyOf", [])
    if {"type": "null"} in kinds:
        (kind,) = [kind for kind in kinds if kind != {"type": "null"}]
        del found["anyOf"]
        found |= {**kind, "nullable": True}
    return found


def responses(contract: Contract, codes: Iterable[str], **successes: type[msgspec.Struct]) -> dict[Any, Any]:
    """Successes by status (`_200=…`), and every error the route may answer, grouped as the contract has them."""
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        _kind, status, name = contract.row(code)
        by_status.setdefault(status, []).append(f"`{name}`")
    errors = {
        status: OpenApiResponse(schema_of(ErrorBody), description=", ".join(dict.fromkeys(names)))
        for status, names in sorted(by_status.items())
    }
    return {int(status.strip("_")): schema_of(answer) for status, answer in successes.items()} | errors


def header(
    name: str, text: str, *statuses: int, required: bool = False, kind: Any = str, enum: Any = None
) -> OpenApiParameter:
    """A header of answers, of all of them when no status is named."""
    return OpenApiParameter(
        name,
        kind,
        OpenApiParameter.HEADER,
        required=required,
        description=text,
        enum=enum,
        response=list(statuses) or True,
    )


ANSWER_HEADERS = [
    header("X-Request-ID", "The caller's own id, or one the server made up.", required=True),
    header("Retry-After", "Seconds.", 429, 503, required=True, kind=int),
    header("x-should-retry", "That a repeat cannot help, or could cost.", enum=["false"]),
    header("x-ratelimit-limit-requests", "How often the key may ask in a minute, where it has a limit."),
    header("x-ratelimit-remaining-requests", "How often it still may in this one."),
    header("x-ratelimit-reset-requests", "How long until the next one, e.g. `12s`."),
]


def json_or_form(body: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """A body that may come as JSON or as a form."""
    form = type(body.__name__.replace("Serializer", "Form"), (FormBody, body), {"__doc__": body.__doc__})
    return dict(zip(MEDIA_TYPES, (body, form), strict=True))


def documented(summary: str, *, example: Any = None, **options: Any) -> Callable[[F], F]:
    """A route's description; its docstring is the longer text.

    `example` is a body that the route takes as it stands: the documentation's page sends it at a click.
    """
    options.setdefault("parameters", ANSWER_HEADERS)
    if example is not None:
        options["examples"] = [
            OpenApiExample("example", value=example, request_only=True, media_type=media_type)
            for media_type in MEDIA_TYPES
        ]
        bodies = options["request"] if isinstance(options["request"], dict) else {}
        for body in bodies.values():
            if isinstance(body, type) and issubclass(body, FormBody):
                body.example = example
    return extend_schema(summary=summary, **options)
