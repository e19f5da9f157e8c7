"""The API's description, for `/api/schema/`: what each route takes and answers, statuses from the contracts' tables.

Nothing here runs while a request is served.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from bingproject.contracts import BING_CREATE, OPENAI, PROMPT_CODES
from bingproject.description import (
    ANSWER_HEADERS,
    ANYWHERE,
    WITH_KEY,
    Error,
    documented,
    header,
    json_or_form,
    responses,
)
from creator.models import Kind, State
from creator.serializers import (
    CURSOR_PATTERN,
    DEFAULT_LIMIT,
    MAX_LIMIT,
    STATES,
    CreateImageSerializer,
    CreateVideoSerializer,
    ImageGenerationSerializer,
)

CREATING = (
    "unsupported_media_type", "cancelled", "idempotency_mismatch", *PROMPT_CODES, "rate_limit_exceeded", "no_boosts",
    "quota_exceeded", "too_many_running", "throttled", "upstream_unreachable", "upstream_protocol_error",
    "upstream_interrupted", "submit_outcome_unknown", "upstream_overloaded", "upstream_refused", "challenge_required",
    "account_blocked", "cookie_expired", "cookie_not_set", "no_account", "no_worker", "timeout", "expired",
)  # fmt: skip
HTTP_URL = {"type": "string", "format": "uri"}


# --- answers ---


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
