"""The Bing-Create routes and OpenAI's image route: one service call each, and the wait for what comes of it.

Bodies are checked before accounts are looked at, so a bad request is 400 whatever the state of the server.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request

from accounts.services import Caller
from bingproject.api import AsyncContractViewSet, ContractViewSet, idempotency_key, json_response, prefer
from bingproject.content_policy import HEADER, HOME_POLICY
from bingproject.contracts import OPENAI, iso
from bingproject.errors import InternalError, NoWorkerError, ServiceError, UpstreamTimeoutError
from creator import schema, services
from creator.examples import ENDPOINTS, EXAMPLES
from creator.models import Task
from creator.protocol import ASPECTS, MODELS
from creator.serializers import (
    CreateImageSerializer,
    CreateVideoSerializer,
    CreationSerializer,
    ImageGenerationSerializer,
    TaskQuery,
    build_cursor,
    image_urls,
    show_accepted,
    show_condition,
    show_generation,
    show_images,
    show_task,
)
from creator.watcher import ANSWERED, FINAL, watcher

LONGEST_WAIT_SECONDS = 60.0
VIDEO_WAIT_SECONDS = 30.0


class SiteViewSet(ContractViewSet):
    """What this server is, whether it is ready, what it offers: for everybody, without a key."""

    authentication_classes = ()
    permission_classes = ()

    @schema.INDEX
    def index(self, request: Request) -> HttpResponse:
        """A plain page for browsers, the endpoints for all else."""
        if request._request.get_preferred_type(["application/json", "text/html"]) == "text/html":
            response = self.page(request._request)
        else:
            head = {"success": True, "author": "bingproject", "repository": settings.PUBLIC_URL or "bingproject"}
            response = json_response(head | {"endpoints": ENDPOINTS, "timestamp": iso(timezone.now())})
        patch_vary_headers(response, ["Accept"])
        return response

    def page(self, request: HttpRequest) -> HttpResponse:
        """The home page; it opens without a database too."""
        try:
            condition: services.Condition | None = services.read_condition(timezone.now())
        except DatabaseError:
            condition = None
        address = settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
        needs_key = settings.ACCESS == "keys"
        context = {"condition": condition, "address": address, "needs_key": needs_key, "endpoints": EXAMPLES}
        response = render(request, "creator/home.html", context)
        response[HEADER] = HOME_POLICY
        return response

    @schema.HEALTH
    def health(self, request: Request) -> HttpResponse:
        """What a picture needs and whether it is there; 503 when the database does not answer."""
        try:
            condition = services.read_condition(timezone.now())
        except DatabaseError:
            response = self.failure(InternalError("The database does not answer. Try again later.", retry_after=30))
            response.status_code = 503
            return response
        return self.success(show_condition(condition))

    @schema.OPTIONS
    def list_options(self, request: Request) -> HttpResponse:
        """Models and aspects."""
        models = [
            {"id": model.name, "value": model.value, "description": model.description, "ratios": model.ratios}
            for model in MODELS.values()
        ]
        aspects = [{"id": aspect.name, "value": aspect.value, "ratio": aspect.ratio} for aspect in ASPECTS.values()]
        return self.success({"models": models, "aspects": aspects})


class TaskViewSet(AsyncContractViewSet):
    """The caller's own tasks."""

    needs: ClassVar = {"destroy": ("images", "videos")}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Admit the caller and, in the same thread hop, do what needs the database: this is the hot read."""
        super().initial(request, *args, **kwargs)
        if self.action == "retrieve":
            self.seen = self.look(request, kwargs["task_id"])

    def look(self, request: Request, task_id: str) -> tuple[Task, dict[str, Any]]:
        """The task as it is now, and as it is shown."""
        task = services.find_task(task_id, holder_of(request))
        return task, show_task(task)

    @schema.GET_TASK
    async def retrieve(self, request: Request, task_id: str) -> HttpResponse:
        """One task; with `Prefer: wait=N` as soon as it is finished."""
        task, payload = self.seen
        preferences = prefer(request)
        if preferences.wait_seconds is not None:
            seconds = min(preferences.wait_seconds, LONGEST_WAIT_SECONDS)
            preferences.apply_wait(seconds)
            if not task.is_finished:
                ended = await wait_patiently(task.pk, seconds)
                payload = show_task(ended) if ended else (await sync_to_async(self.look)(request, task_id))[1]
        return self.success(payload)

    @schema.CANCEL_TASK
    async def destroy(self, request: Request, task_id: str) -> HttpResponse:
        """Cancel it at once, or note the wish: 202."""
        return await sync_to_async(self.cancel)(request, task_id)

    def cancel(self, request: Request, task_id: str) -> HttpResponse:
        """The cancelling itself, in a thread."""
        task = services.cancel_task(task_id, holder_of(request), timezone.now())
        return self.success(show_task(task), 200 if task.is_finished else 202)

    @schema.LIST_TASKS
    async def browse(self, request: Request) -> HttpResponse:
        """A page of them, newest first."""
        return await sync_to_async(self.read_page)(request, TaskQuery(request.query_params))

    def read_page(self, request: Request, query: TaskQuery) -> HttpResponse:
        """The reading itself, in a thread: one row more than asked for tells whether there are more."""
        rows = services.list_tasks(
            holder_of(request), states=query.states, kind=query.kind, before=query.before, limit=query.limit + 1
        )
        tasks = rows[: query.limit]
        following = build_cursor(tasks[-1]) if len(rows) > query.limit else None
        return self.success({"tasks": [show_task(task) for task in tasks], "next": following})


async def wait_patiently(task_id: uuid.UUID, seconds: float) -> Task | None:
    """The ended task; that nobody works is no reason to answer, and be asked again, all the sooner."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    try:
        ended = await watcher.wait([task_id], FINAL, seconds)
    except NoWorkerError:
        await asyncio.sleep(max(0.0, end - loop.time()))
        return None
    return ended[0] if ended else None


class CreationViewSet(AsyncContractViewSet):
    """What all routes that create tasks share: take the request in, wait for its tasks, answer."""

    route: ClassVar = ""
    states: ClassVar = FINAL
    body_class: ClassVar[type[CreationSerializer]]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Admit the caller, check the body, take the tasks in: all in one thread hop."""
        super().initial(request, *args, **kwargs)
        if self.action:
            self.body = self.body_class(data=request.data)
            self.body.is_valid(raise_exception=True)
            self.intake = services.create_task(self.body.wish, self.origin(request), timezone.now(), self.wait_seconds)

    def origin(self, request: Request) -> services.Origin:
        """Who asks for what, the body in a form that equal requests share."""
        body = json.dumps(request.data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        key = idempotency_key(request) or ""
        caller = caller_of(request)
        return services.Origin(caller.holder, self.route, body, key, self.is_repeat(request), caller.user)

    def is_repeat(self, request: Request) -> bool:
        """Whether the client itself calls this a retry."""
        return False

    @property
    def wait_seconds(self) -> float:
        """How long the caller waits at most."""
        return float(settings.IMAGE_WAIT_SECONDS)

    async def answer(self, request: Request) -> HttpResponse:
        """Wait as long as the caller would, then say what has become of the tasks."""
        preferences = prefer(request)
        seconds = self.wait_seconds
        if preferences.respond_async:
            seconds = min(preferences.wait_seconds or 0.0, seconds)
            if preferences.wait_seconds is not None:
                preferences.apply_wait(seconds)
        response = await self.wait(request, seconds)
        if self.intake.is_replayed:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    async def wait(self, request: Request, seconds: float) -> HttpResponse:
        """The outcome within so many seconds, or what there is at their end."""
        ids = [task.pk for task in self.intake.tasks]
        tasks = None
        try:
            if seconds > 0 and not self.has_ended(self.intake.tasks):
                tasks = await watcher.wait(ids, self.states, seconds)
        except NoWorkerError as error:
            if not prefer(request).respond_async:
                await sync_to_async(services.withdraw_tasks)(ids, timezone.now())
                return self.failure(error, taskId=str(ids[0]))
        tasks = tasks or await sync_to_async(services.read_tasks)(ids)
        if self.has_ended(tasks):
            return await self.show(tasks)
        return self.promise(request, tasks[0]) if prefer(request).respond_async else self.late(tasks[0])

    def has_ended(self, tasks: Sequence[Task]) -> bool:
        """Whether all have come as far as the caller waits for."""
        return all(task.state in self.states for task in tasks)

    @abstractmethod
    async def show(self, tasks: Sequence[Task]) -> HttpResponse:
        """What became of them."""

    def promise(self, request: Request, task: Task) -> HttpResponse:
        """202: the task goes on, and is found at `Location`."""
        prefer(request).apply_respond_async()
        return self.success(show_accepted(task), 202, {"Location": f"{settings.PUBLIC_URL}/task/{task.pk}"})

    def late(self, task: Task) -> HttpResponse:
        """The caller's patience is over; the task goes on."""
        message = f"No result within {self.wait_seconds:g} s. The task goes on: GET /task/{task.pk}"
        return self.failure(UpstreamTimeoutError(message, code="timeout"), taskId=str(task.pk))

    def refuse(self, error: ServiceError, task: Task) -> HttpResponse:
        """A task's failure as the answer to the request."""
        return self.failure(error, taskId=str(task.pk))


class CreateImageViewSet(CreationViewSet):
    """`POST /create/image`."""

    route = "create/image"
    needs: ClassVar = {"create": ("images",)}
    body_class = CreateImageSerializer

    @schema.CREATE_IMAGE
    async def create(self, request: Request) -> HttpResponse:
        """Make pictures; waits for them."""
        return await self.answer(request)

    async def show(self, tasks: Sequence[Task]) -> HttpResponse:
        """The pictures, or why there are none."""
        error = services.failure_of(tasks[0])
        return self.refuse(error, tasks[0]) if error else self.success(show_images(tasks[0]))


class CreateVideoViewSet(CreationViewSet):
    """`POST /create/video`."""

    route = "create/video"
    needs: ClassVar = {"create": ("videos",)}
    states = ANSWERED
    body_class = CreateVideoSerializer

    @schema.CREATE_VIDEO
    async def create(self, request: Request) -> HttpResponse:
        """Make a video; waits until Bing has taken or refused it."""
        return await self.answer(request)

    @property
    def wait_seconds(self) -> float:
        """How long the caller waits at most."""
        return VIDEO_WAIT_SECONDS

    async def show(self, tasks: Sequence[Task]) -> HttpResponse:
        """The task's id once Bing has taken it, whatever came later; else why it was refused."""
        error = None if tasks[0].accepted_at else services.failure_of(tasks[0])
        return self.refuse(error, tasks[0]) if error else self.late(tasks[0])

    def late(self, task: Task) -> HttpResponse:
        """No answer of Bing's yet: the task waits, its id is good."""
        return self.success(show_accepted(task))


class ImageGenerationViewSet(CreationViewSet):
    """OpenAI's `POST images/generations`."""

    contract = OPENAI
    route = "images/generations"
    needs: ClassVar = {"create": ("images",)}
    body_class = ImageGenerationSerializer
    body: ImageGenerationSerializer

    @schema.GENERATE_IMAGES
    async def create(self, request: Request) -> HttpResponse:
        """Make up to four pictures; waits for them."""
        return await self.answer(request)

    def is_repeat(self, request: Request) -> bool:
        """OpenAI's SDKs count their retries."""
        count = request.headers.get("x-stainless-retry-count", "")
        return count.isascii() and count.isdigit() and count.strip("0") != ""

    async def show(self, tasks: Sequence[Task]) -> HttpResponse:
        """The pictures of those that succeeded; when none did, the first one's error."""
        found = [(task, url) for task in tasks for url in image_urls(task)][: self.body.image_count]
        errors = [error for error in map(services.failure_of, tasks) if error]
        if not found and errors:
            return self.refuse(errors[0], tasks[0])
        contents = await services.fetch_images(found) if self.body.is_inline else []
        return self.success(show_generation(tasks[0], found, contents))


def caller_of(request: Request) -> Caller:
    """Who asks."""
    caller: Any = request.user
    assert isinstance(caller, Caller)
    return caller


def holder_of(request: Request) -> str:
    """Whose tasks these are."""
    return caller_of(request).holder
