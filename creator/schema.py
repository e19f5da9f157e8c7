"""The API's description, for `/api/schema/`: what each route takes and answers, statuses from the contracts' tables.

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

from bingproject.contracts import BING_CREATE, OPENAI, PROMPT_CODES, Contract
from creator.models import Kind, State
from creator.serializers import (
    CURSOR_PATTERN,
    DEFAULT_LIMIT,
    MAX_LIMIT,
    STATES,
    CreateImageSerializer,
    CreateVideoSerializer,
    CreationSerializer,
    ImageGenerationSerializer,
)

F = TypeVar("F", bound=Callable[..., Any])

ANYWHERE = ("invalid_value", "origin_not_allowed", "too_large", "internal")
WITH_KEY = ("invalid_api_key", "not_whitelisted")
CREATING = (
    "unsupported_media_type", "cancelled", "idempotency_mismatch", *PROMPT_CODES, "rate_limit_exceeded", "no_boosts",
    "too_many_running", "throttled", "upstream_unreachable", "upstream_protocol_error", "upstream_interrupted",
    "submit_outcome_unknown", "upstream_overloaded", "upstream_refused", "challenge_required", "account_blocked",
    "cookie_expired", "cookie_not_set", "no_account", "no_worker", "timeout", "expired",
)  # fmt: skip
HTTP_URL = {"type": "string", "format": "uri"}


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


class FormBody(CreationSerializer):
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


# --- answers ---


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


class Endpoints(serializers.Serializer[Any]):
    """What this server is."""

    success = serializers.BooleanField()
    author = serializers.CharField()
    repository = serializers.CharField()
    endpoints = serializers.DictField(child=serializers.CharField())
    timestamp = serializers.DateTimeField()


class HealthFacts(serializers.Serializer[Any]):
    """What a picture needs, and whether it is there."""

    status = serializers.CharField()
    cookie = serializers.ChoiceField(["set", "not set"])
    session = serializers.ChoiceField(["active", "inactive"])
    activeTasks = serializers.IntegerField(min_value=0)  # noqa: N815
    worker = serializers.ChoiceField(["running", "none"])


class Model(serializers.Serializer[Any]):
    """An image model."""

    id = serializers.CharField()
    value = serializers.IntegerField()
    description = serializers.CharField()
    ratios = serializers.DictField(child=serializers.CharField())


class Aspect(serializers.Serializer[Any]):
    """A picture's shape."""

    id = serializers.CharField()
    value = serializers.IntegerField()
    ratio = serializers.CharField()


class Offer(serializers.Serializer[Any]):
    """What may be asked for."""

    models = Model(many=True)
    aspects = Aspect(many=True)


class Pictures(serializers.Serializer[Any]):
    """A finished picture task."""

    images = serializers.ListField(child=serializers.URLField())
    prompt = serializers.CharField(help_text="As Bing rewrote it.")
    model = serializers.CharField()
    aspect = serializers.CharField()
    taskId = serializers.UUIDField()  # noqa: N815


class Accepted(serializers.Serializer[Any]):
    """A task that goes on."""

    taskId = serializers.UUIDField()  # noqa: N815
    prompt = serializers.CharField()


class TaskFacts(serializers.Serializer[Any]):
    """One task."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(list(STATES))
    prompt = serializers.CharField()
    video = serializers.URLField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField()  # noqa: N815
    completedAt = serializers.DateTimeField(allow_null=True)  # noqa: N815
    kind = serializers.ChoiceField(Kind.choices)
    images = serializers.ListField(child=serializers.URLField())
    state = serializers.ChoiceField(State.choices)
    errorType = serializers.CharField(allow_null=True)  # noqa: N815
    errorCode = serializers.CharField(allow_null=True)  # noqa: N815


class TaskPage(serializers.Serializer[Any]):
    """A page of the caller's tasks."""

    tasks = TaskFacts(many=True)
    next = serializers.CharField(allow_null=True, help_text="The cursor of the next page.")


class Picture(serializers.Serializer[Any]):
    """A picture's address, or the picture."""

    url = serializers.URLField(required=False)
    b64_json = serializers.CharField(required=False)
    revised_prompt = serializers.CharField()


class Generation(serializers.Serializer[Any]):
    """Pictures as OpenAI's clients know them."""

    created = serializers.IntegerField()
    data = Picture(many=True)  # type: ignore[assignment]  # DRF moves fields off the class


def enveloped(name: str, payload: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """Bing-Create's envelope around a payload."""
    fields = {"success": serializers.BooleanField(), "data": payload(), "timestamp": serializers.DateTimeField()}
    envelope: serializers.Serializer[Any] = type(name, (serializers.Serializer,), fields)()
    return envelope


TASK = enveloped("TaskAnswer", TaskFacts)
ACCEPTED = enveloped("AcceptedAnswer", Accepted)


# --- how a route is described ---


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
]
PREFER_WAIT = OpenApiParameter(
    "Prefer",
    str,
    OpenApiParameter.HEADER,
    description="`wait=N`: answer when the task is finished, at the latest after N s (60).",
)
CREATE_HEADERS = [
    *ANSWER_HEADERS,
    OpenApiParameter(
        "Prefer", str, OpenApiParameter.HEADER,
        description="`respond-async`: 202 at once, with `wait=N` after N seconds if it is not done.",
    ),
    OpenApiParameter(
        "Idempotency-Key", str, OpenApiParameter.HEADER, pattern="^[ -~]{1,255}$",
        description="Same key and body: the same task or answer, for 24 h.",
    ),
    header("Location", "Where the task is found.", 202, required=True),
    header("Preference-Applied", "What was honoured of `Prefer`."),
    header("Idempotent-Replayed", "That this answers an earlier request again.", enum=["true"]),
]  # fmt: skip


def json_or_form(body: type[CreationSerializer]) -> dict[str, Any]:
    """A body that may come as JSON or as a form."""
    form = type(body.__name__.replace("Serializer", "Form"), (FormBody, body), {"__doc__": body.__doc__})
    return {"application/json": body, "application/x-www-form-urlencoded": form}


def documented(summary: str, **options: Any) -> Callable[[F], F]:
    """A route's description; its docstring is the longer text."""
    options.setdefault("parameters", ANSWER_HEADERS)
    return extend_schema(summary=summary, **options)


INDEX = documented(
    "What this server is",
    operation_id="index",
    tags=["server"],
    responses=responses(BING_CREATE, ANYWHERE) | {(200, "application/json"): Endpoints, (200, "text/html"): str},
)
HEALTH = documented(
    "Whether pictures can be made now",
    operation_id="health",
    tags=["server"],
    responses=responses(BING_CREATE, ANYWHERE, _200=enveloped("HealthAnswer", HealthFacts))
    | {503: OpenApiResponse(Error, description="The database does not answer.")},
)
OPTIONS = documented(
    "Models and aspects",
    operation_id="options",
    tags=["server"],
    responses=responses(BING_CREATE, ANYWHERE, _200=enveloped("OptionsAnswer", Offer)),
)
GET_TASK = documented(
    "A task",
    operation_id="getTask",
    tags=["tasks"],
    parameters=[*ANSWER_HEADERS, PREFER_WAIT, header("Preference-Applied", "What was honoured of `Prefer`.")],
    responses=responses(BING_CREATE, (*ANYWHERE, *WITH_KEY, "not_found"), _200=TASK),
)
CANCEL_TASK = documented(
    "Cancel a task",
    operation_id="cancelTask",
    tags=["tasks"],
    responses=responses(BING_CREATE, (*ANYWHERE, *WITH_KEY, "not_found", "conflict"), _200=TASK, _202=TASK),
)
LIST_TASKS = documented(
    "The caller's tasks, newest first",
    operation_id="listTasks",
    tags=["tasks"],
    parameters=[
        *ANSWER_HEADERS,
        OpenApiParameter("status", str, enum=list(STATES)),
        OpenApiParameter("kind", str, enum=Kind.values),
        OpenApiParameter("cursor", str, pattern=CURSOR_PATTERN, description="`next` of the page before."),
        OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    ],
    responses=responses(BING_CREATE, (*ANYWHERE, *WITH_KEY), _200=enveloped("TaskPageAnswer", TaskPage)),
)
CREATE_IMAGE = documented(
    "Make pictures",
    operation_id="createImage",
    tags=["create"],
    parameters=CREATE_HEADERS,
    request=json_or_form(CreateImageSerializer),
    responses=responses(
        BING_CREATE, (*ANYWHERE, *WITH_KEY, *CREATING), _200=enveloped("PicturesAnswer", Pictures), _202=ACCEPTED
    ),
)
CREATE_VIDEO = documented(
    "Make a video",
    operation_id="createVideo",
    tags=["create"],
    parameters=CREATE_HEADERS,
    request=json_or_form(CreateVideoSerializer),
    responses=responses(BING_CREATE, (*ANYWHERE, *WITH_KEY, *CREATING), _200=ACCEPTED, _202=ACCEPTED),
)
GENERATE_IMAGES = documented(
    "Make pictures, as OpenAI's clients ask for them",
    operation_id="generateImages",
    tags=["OpenAI"],
    parameters=CREATE_HEADERS,
    request=ImageGenerationSerializer,
    responses=responses(
        OPENAI, (*ANYWHERE, *WITH_KEY, *CREATING, "unsupported_parameter"), _200=Generation, _202=Accepted
    ),
)
