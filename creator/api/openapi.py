"""The OpenAPI descriptions of the creator's routes. Not used while a request is served."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from bingproject.api.contracts import BING_CREATE, OPENAI, PROMPT_CODES, ErrorBody
from bingproject.api.openapi import (
    ANSWER_HEADERS,
    ANYWHERE,
    WITH_KEY,
    documented,
    header,
    json_or_form,
    responses,
    schema_of,
)
from creator.api.serializers import (
    CURSOR_PATTERN,
    DEFAULT_LIMIT,
    MAX_LIMIT,
    STATES,
    CreateImageSerializer,
    CreateVideoSerializer,
    ImageGenerationSerializer,
)
from creator.api.serializers.answers import (
    AcceptedAnswer,
    AcceptedTask,
    Endpoints,
    Generation,
    HealthAnswer,
    OptionsAnswer,
    PicturesAnswer,
    TaskAnswer,
    TaskPageAnswer,
)
from creator.models import Kind

CREATING = (
    "unsupported_media_type", "cancelled", "idempotency_mismatch", *PROMPT_CODES, "rate_limit_exceeded", "no_boosts",
    "quota_exceeded", "too_many_running", "throttled", "upstream_unreachable", "upstream_protocol_error",
    "upstream_interrupted", "submit_outcome_unknown", "upstream_overloaded", "upstream_refused", "challenge_required",
    "account_blocked", "cookie_expired", "cookie_not_set", "no_account", "no_worker", "timeout", "expired",
)  # fmt: skip
HTTP_URL = {"type": "string", "format": "uri"}


# --- the routes ---


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
    header("x-bing-joined-task", "The earlier task that this repeat without a key was joined to."),
]  # fmt: skip


INDEX = documented(
    "What this server is",
    operation_id="index",
    tags=["server"],
    responses=responses(BING_CREATE, ANYWHERE)
    | {(200, "application/json"): schema_of(Endpoints), (200, "text/html"): str},
)
HEALTH = documented(
    "Whether pictures can be made now",
    operation_id="health",
    tags=["server"],
    responses=responses(BING_CREATE, ANYWHERE, _200=HealthAnswer)
    | {503: OpenApiResponse(schema_of(ErrorBody), description="The database does not answer.")},
)
OPTIONS = documented(
    "Models and aspects",
    operation_id="options",
    tags=["server"],
    responses=responses(BING_CREATE, ANYWHERE, _200=OptionsAnswer),
)
GET_TASK = documented(
    "A task",
    operation_id="getTask",
    tags=["tasks"],
    parameters=[*ANSWER_HEADERS, PREFER_WAIT, header("Preference-Applied", "What was honoured of `Prefer`.")],
    responses=responses(BING_CREATE, (*ANYWHERE, *WITH_KEY, "not_found"), _200=TaskAnswer),
)
CANCEL_TASK = documented(
    "Cancel a task",
    operation_id="cancelTask",
    tags=["tasks"],
    responses=responses(BING_CREATE, (*ANYWHERE, *WITH_KEY, "not_found", "conflict"), _200=TaskAnswer, _202=TaskAnswer),
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
    responses=responses(BING_CREATE, (*ANYWHERE, *WITH_KEY), _200=TaskPageAnswer),
)
CREATE_IMAGE = documented(
    "Make pictures",
    operation_id="createImage",
    tags=["create"],
    parameters=CREATE_HEADERS,
    request=json_or_form(CreateImageSerializer),
    example={"query": "a red fox in the snow"},
    responses=responses(BING_CREATE, (*ANYWHERE, *WITH_KEY, *CREATING), _200=PicturesAnswer, _202=AcceptedAnswer),
)
CREATE_VIDEO = documented(
    "Make a video",
    operation_id="createVideo",
    tags=["create"],
    parameters=CREATE_HEADERS,
    request=json_or_form(CreateVideoSerializer),
    example={"query": "a red fox running through the snow"},
    responses=responses(BING_CREATE, (*ANYWHERE, *WITH_KEY, *CREATING), _200=AcceptedAnswer, _202=AcceptedAnswer),
)
GENERATE_IMAGES = documented(
    "Make pictures, as OpenAI's clients ask for them",
    operation_id="generateImages",
    tags=["OpenAI"],
    parameters=CREATE_HEADERS,
    request=ImageGenerationSerializer,
    example={"model": "dall-e-3", "prompt": "a red fox in the snow"},
    responses=responses(
        OPENAI, (*ANYWHERE, *WITH_KEY, *CREATING, "unsupported_parameter"), _200=Generation, _202=AcceptedTask
    ),
)
