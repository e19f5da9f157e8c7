"""How every route is described for `/api/schema/`: its errors from the contracts' tables, its headers, its key.

Nothing here runs while a request is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from bingproject.contracts import Contract

F = TypeVar("F", bound=Callable[..., Any])

ANYWHERE = ("invalid_value", "origin_not_allowed", "too_large", "internal")
WITH_KEY = ("invalid_api_key", "not_whitelisted", "rate_limit_exceeded")


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The two headers that carry a key; where the server is open, none is needed."""

    target_class = "accounts.authentication.ApiKeyAuthentication"
    name = ["bearerKey", "headerKey"]  # noqa: RUF012 - as the base class has it

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """Either header will do."""
        either: list[dict[str, list[Any]]] = [{name: []} for name in self.name]
        return [*either, {}] if settings.ACCESS == "open" else either

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """`Authorization: Bearer bp_…` and `X-API-Key: bp_…`."""
        return [{"type": "http", "scheme": "bearer"}, {"type": "apiKey", "in": "header", "name": "X-API-Key"}]


class FormBody(serializers.Serializer[Any]):
    """Marks a body that comes as a form."""


class FormExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """In a form everything is text and stands once; unknown fields are ignored there too."""

    target_class = FormBody
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        """The body's own description, with that said."""
        found: dict[str, Any] = auto_schema._map_serializer(  # type: ignore[no-untyped-call]
            self.target, direction, bypass_extensions=True
        )
        return found | {"additionalProperties": {"type": "string"}}


class ErrorDetail(serializers.Serializer[Any]):
    """What went wrong and what to do next."""

    message = serializers.CharField()
    type = serializers.CharField()
    param = serializers.CharField(allow_null=True, help_text="The field at fault.")
    code = serializers.CharField()
    taskId = serializers.UUIDField(required=False, help_text="The task that this is about.")  # noqa: N815
    reason = serializers.CharField(required=False, help_text="With content_policy_violation: this server's own code.")


class Error(serializers.Serializer[Any]):
    """Every error looks like this."""

    error = ErrorDetail()


def responses(contract: Contract, codes: Iterable[str], **successes: Any) -> dict[Any, Any]:
    """Successes by status (`_200=…`), and every error the route may answer, grouped as the contract has them."""
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        _kind, status, name = contract.row(code)
        by_status.setdefault(status, []).append(f"`{name}`")
    errors = {
        status: OpenApiResponse(Error, description=", ".join(dict.fromkeys(names)))
        for status, names in sorted(by_status.items())
    }
    return {int(status.strip("_")): answer for status, answer in successes.items()} | errors


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
    header("X-Request-ID", "The caller's own id, or one of ours.", required=True),
    header("Retry-After", "Seconds.", 429, 503, required=True, kind=int),
    header("x-should-retry", "That a repeat cannot help, or could cost.", enum=["false"]),
    header("x-ratelimit-limit-requests", "How often the key may ask in a minute, where it has a limit."),
    header("x-ratelimit-remaining-requests", "How often it still may in this one."),
    header("x-ratelimit-reset-requests", "How long until the next one, e.g. `12s`."),
]


def json_or_form(body: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """A body that may come as JSON or as a form."""
    form = type(body.__name__.replace("Serializer", "Form"), (FormBody, body), {"__doc__": body.__doc__})
    return {"application/json": body, "application/x-www-form-urlencoded": form}


def documented(summary: str, **options: Any) -> Callable[[F], F]:
    """A route's description; its docstring is the longer text."""
    options.setdefault("parameters", ANSWER_HEADERS)
    return extend_schema(summary=summary, **options)
