"""Define each answer of the creator's routes once, for encoding and for `/api/schema/`, and build it from rows.

Structs and no serializers, which would cost more than the rest of a hot read. Fields are in the order in which callers
receive them; `UNSET` is left out of the JSON, None becomes `null`.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from bingproject.api.contracts import BING_CREATE, Envelope, Timestamp
from bingproject.conf.timestamps import iso
from creator.api.serializers.queries import STATES
from creator.models import Kind, State, Task
from creator.protocol import ASPECTS, MODELS
from creator.services import CreatorStatus, failure_of

Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
KindName = Annotated[str, Meta(extra_json_schema={"enum": Kind.values})]
StatusName = Annotated[str, Meta(extra_json_schema={"enum": list(STATES)})]
StateName = Annotated[str, Meta(extra_json_schema={"enum": State.values})]


class Endpoints(Struct, frozen=True):
    """What this server is."""

    success: Literal[True]
    author: str
    repository: str
    endpoints: dict[str, str]
    timestamp: Timestamp


class HealthFacts(Struct, frozen=True):
    """What a picture needs, and whether it is there."""

    status: str
    cookie: Literal["set", "not set"]
    session: Literal["active", "inactive"]
    activeTasks: Annotated[int, Meta(ge=0)]  # noqa: N815 - the contract's name, as below
    worker: Literal["running", "none"]


class ModelChoice(Struct, frozen=True):
    """An image model."""

    id: str
    value: int
    description: str
    ratios: dict[str, str]


class AspectChoice(Struct, frozen=True):
    """A picture's shape."""

    id: str
    value: int
    ratio: str


class Offer(Struct, frozen=True):
    """What may be asked for."""

    models: list[ModelChoice]
    aspects: list[AspectChoice]


class Pictures(Struct, frozen=True):
    """A finished picture task."""

    images: list[Url]
    prompt: Annotated[str, Meta(description="As Bing rewrote it.")]
    model: str
    aspect: str
    taskId: uuid.UUID  # noqa: N815


class AcceptedTask(Struct, frozen=True):
    """A task that goes on."""

    taskId: uuid.UUID  # noqa: N815
    prompt: str


class TaskFacts(Struct, frozen=True):
    """One task."""

    id: uuid.UUID
    status: StatusName
    prompt: str
    video: Url | None
    error: str | None
    createdAt: Timestamp  # noqa: N815
    completedAt: Timestamp | None  # noqa: N815
    kind: KindName
    images: list[Url]
    state: StateName
    errorType: str | None  # noqa: N815
    errorCode: str | None  # noqa: N815


class TaskPage(Struct, frozen=True):
    """A page of the caller's tasks."""

    tasks: list[TaskFacts]
    next: Annotated[str | None, Meta(description="The cursor of the next page.")]


class Picture(Struct, frozen=True, kw_only=True):
    """A picture's address, or the picture."""

    b64_json: str | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    revised_prompt: str


class Generation(Struct, frozen=True):
    """Pictures as OpenAI's clients know them. Units: `created` in Unix seconds."""

    created: int
    data: list[Picture]


class HealthAnswer(Envelope[HealthFacts], frozen=True):
    """Whether pictures can be made now."""


class OptionsAnswer(Envelope[Offer], frozen=True):
    """What may be asked for."""


class PicturesAnswer(Envelope[Pictures], frozen=True):
    """A finished picture task."""


class AcceptedAnswer(Envelope[AcceptedTask], frozen=True):
    """A task that goes on."""


class TaskAnswer(Envelope[TaskFacts], frozen=True):
    """One task."""


class TaskPageAnswer(Envelope[TaskPage], frozen=True):
    """A page of the caller's tasks."""


def show_status(status: CreatorStatus) -> HealthFacts:
    """Return the answer of `GET /health`."""
    return HealthFacts(
        status="ok",
        cookie="set" if status.has_account else "not set",
        session="active" if status.has_session else "inactive",
        activeTasks=status.unfinished_count,
        worker="running" if status.has_worker else "none",
    )


def show_offer() -> Offer:
    """Return the models and aspects that may be asked for."""
    models = [ModelChoice(model.name, model.value, model.description, model.ratios) for model in MODELS.values()]
    return Offer(models, [AspectChoice(aspect.name, aspect.value, aspect.ratio) for aspect in ASPECTS.values()])


def image_urls(task: Task) -> list[str]:
    """Return the addresses of a task's pictures; only a completed picture task has any."""
    if task.kind != Kind.IMAGE or task.state != State.COMPLETED:
        return []
    return task.image_urls


def show_task(task: Task) -> TaskFacts:
    """Return a task for `GET /task/:id`. Reads its pictures unless they were read before."""
    failure = failure_of(task)
    kind, _status, code = (None, 0, None) if failure is None else BING_CREATE.row(failure.code)
    return TaskFacts(
        id=task.pk,
        status=task.status,
        prompt=task.prompt,
        video=task.video_url or None,
        error=failure.message if failure else None,
        createdAt=iso(task.created_at),
        completedAt=iso(task.finished_at) if task.finished_at else None,
        kind=task.kind,
        images=image_urls(task),
        state=task.state,
        errorType=kind,
        errorCode=code,
    )


def show_images(task: Task) -> Pictures:
    """Return the pictures of a completed task for `POST /create/image`. Reads them unless they were read before."""
    return Pictures(image_urls(task), task.revised_prompt or task.prompt, task.model, task.aspect, task.pk)


def show_accepted(task: Task) -> AcceptedTask:
    """Return a task that goes on, for a caller who comes back for it."""
    return AcceptedTask(task.pk, task.prompt)


def show_generation(first: Task, found: Sequence[tuple[Task, str]], contents: Sequence[bytes | None]) -> Generation:
    """Return pictures for OpenAI's clients.

    Args:
        first: The task whose time the answer has.
        found: Pairs of tasks and addresses.
        contents: The bytes of each picture if bytes were asked for, None for one that could not be fetched, which is
            left out; empty if addresses were asked for.
    """
    pictures = []
    for index, (task, url) in enumerate(found):
        content = contents[index] if contents else b""
        if content is None:
            continue
        prompt = task.revised_prompt or task.prompt
        if contents:
            pictures.append(Picture(b64_json=base64.b64encode(content).decode("ascii"), revised_prompt=prompt))
        else:
            pictures.append(Picture(url=url, revised_prompt=prompt))
    return Generation(int(first.created_at.timestamp()), pictures)
