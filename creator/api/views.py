"""The Bing-Create routes and OpenAI's image route: one service call each, and the wait for its outcome.

Bodies are checked before accounts are, so a bad request is 400 whatever the state of the server.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request

from accounts.callers.authentication import caller_of
from bingproject.api.contracts import OPENAI
from bingproject.api.request_body import canonical_text
from bingproject.api.viewsets import AsyncContractViewSet, ContractViewSet, idempotency_key, json_response, prefer
from bingproject.cluster.web_shutdown import shutdown
from bingproject.conf.timestamps import iso
from bingproject.edge.content_policy import HEADER, HOME_POLICY
from bingproject.errors import NoWorkerError, ServiceError, StoppingError, UpstreamTimeoutError
from creator import services
from creator.api import openapi
from creator.api.examples import ENDPOINTS, EXAMPLES
from creator.api.serializers import (
    CreateImageSerializer,
    CreateVideoSerializer,
    CreationSerializer,
    ImageGenerationSerializer,
    TaskQuery,
    build_cursor,
    image_urls,
    show_accepted,
    show_generation,
    show_images,
    show_status,
    show_task,
)
from creator.api.serializers.answers import Endpoints, TaskPage, show_offer
from creator.engine.task_waiter import ANSWERED, FINAL, task_waiter
from creator.models import Task

LONGEST_WAIT_SECONDS = 60.0
VIDEO_WAIT_SECONDS = 30.0
REPEATED = (409, 429)  # besides 5xx: SDKs retry after these, some of them whatever `x-should-retry` says

Body = TypeVar("Body", bound=CreationSerializer)

logger = logging.getLogger(__name__)


class SiteViewSet(ContractViewSet):
    """The routes about the server itself, which need no key."""

    authentication_classes = ()
    permission_classes = ()

    @openapi.INDEX
    def index(self, request: Request) -> HttpResponse:
        """Show the home page to browsers, and list the endpoints to other clients."""
        if request._request.get_preferred_type(["application/json", "text/html"]) == "text/html":
            response = self.page(request._request)
        else:
            repository = settings.PUBLIC_URL or "bingproject"
            response = json_response(Endpoints(True, "bingproject", repository, ENDPOINTS, iso(timezone.now())))
        patch_vary_headers(response, ["Accept"])
        return response

    def page(self, request: HttpRequest) -> HttpResponse:
        """Render the home page. It opens without a database too."""
        try:
            status: services.CreatorStatus | None = services.read_status(timezone.now())
        except DatabaseError:
            status = None
        address = settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
        needs_key = settings.ACCESS == "keys"
        context = {"status": status, "address": address, "needs_key": needs_key, "endpoints": EXAMPLES}
        response = render(request, "creator/home.html", context)
        response[HEADER] = HOME_POLICY
        return response

    @openapi.HEALTH
    def health(self, request: Request) -> HttpResponse:
        """Report whether everything is there that a picture needs."""
        return self.success(show_status(services.read_status(timezone.now())))

    @openapi.OPTIONS
    def list_options(self, request: Request) -> HttpResponse:
        """List models and aspects."""
        return self.success(show_offer())


@dataclass(frozen=True, slots=True)
class AwaitedTask:
    """A task that has not ended, its id as the caller wrote it, and how long to wait for it."""

    task: Task
    task_id: str
    seconds: float


class TaskViewSet(AsyncContractViewSet[AwaitedTask]):
    """The caller's own tasks."""

    needs: ClassVar = {"destroy": ("images", "videos")}

    @openapi.GET_TASK
    def retrieve(self, request: Request, task_id: str) -> HttpResponse | AwaitedTask:
        """Show a task; with `Prefer: wait=N` as soon as it is finished."""
        task = services.find_task(task_id, caller_of(request).caller_id)
        preferences = prefer(request)
        if preferences.wait_seconds is None:
            return self.success(show_task(task))
        seconds = min(preferences.wait_seconds, LONGEST_WAIT_SECONDS)
        preferences.apply_wait(seconds)
        return self.success(show_task(task)) if task.is_finished else AwaitedTask(task, task_id, seconds)

    @openapi.CANCEL_TASK
    def destroy(self, request: Request, task_id: str) -> HttpResponse:
        """Cancel a task at once, or answer 202 if it is cancelled as soon as possible."""
        task = services.cancel_task(task_id, caller_of(request).caller_id, timezone.now())
        return self.success(show_task(task), 200 if task.is_finished else 202)

    @openapi.LIST_TASKS
    def browse(self, request: Request) -> HttpResponse:
        """List a page of the caller's tasks, newest first."""
        query, caller_id = TaskQuery(request.query_params), caller_of(request).caller_id
        # One more row than requested shows whether there is a next page.
        rows = services.list_tasks(
            caller_id, states=query.states, kind=query.kind, before=query.before, limit=query.limit + 1
        )
        tasks = rows[: query.limit]
        following = build_cursor(tasks[-1]) if len(rows) > query.limit else None
        return self.success(TaskPage([show_task(task) for task in tasks], following))

    async def respond(self, request: Request, prepared: AwaitedTask) -> HttpResponse:
        """Wait until the task ends or the caller's time is over, then show it."""
        try:
            ended = await wait_patiently(prepared.task.pk, prepared.seconds)
        except StoppingError:
            return self.failure(stopping(prepared.task), task_id=prepared.task_id)
        if ended is None:
            ended = await sync_to_async(services.find_task)(prepared.task_id, caller_of(request).caller_id)
        return self.success(show_task(ended))


async def wait_patiently(task_id: uuid.UUID, seconds: float) -> Task | None:
    """Return the ended task, None after `seconds`. Without a worker, wait as well: an early answer invites retries.

    Raises:
        StoppingError: This process stops.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    try:
        ended = await task_waiter.wait([task_id], FINAL, seconds)
    except NoWorkerError:
        await shutdown.sleep(max(0.0, end - loop.time()))
        return None
    return ended[0] if ended else None


@dataclass(frozen=True, slots=True)
class Creation(Generic[Body]):
    """The tasks that a request created or joined, and its checked body."""

    body: Body
    batch: services.TaskBatch

    @property
    def ids(self) -> list[uuid.UUID]:
        """The ids of the tasks, in their order."""
        return [task.pk for task in self.batch.tasks]


class CreationViewSet(AsyncContractViewSet[Creation[Body]], Generic[Body]):
    """A route that creates tasks, waits for them and answers with their outcome."""

    route: ClassVar = ""
    states: ClassVar = FINAL
    body_class: type[Body]

    def create_tasks(self, request: Request) -> Creation[Body]:
        """Check the body, then insert its tasks or join those of an equal request.

        Raises: DRF's ValidationError; what `services.create_task` raises.
        """
        body = self.body_class(data=request.data)
        body.is_valid(raise_exception=True)
        batch = services.create_task(body.generation_request, self.origin(request), timezone.now(), self.wait_seconds)
        return Creation(body, batch)

    def origin(self, request: Request) -> services.TaskOrigin:
        """Return the caller, and what identifies equal requests."""
        key = idempotency_key(request) or ""
        caller = caller_of(request)
        body = canonical_text(request.data)
        return services.TaskOrigin(caller.caller_id, self.route, body, key, self.is_repeat(request), caller.user)

    def is_repeat(self, request: Request) -> bool:
        """True if the client marks the request as a retry."""
        return False

    @property
    def wait_seconds(self) -> float:
        """The longest wait for the outcome."""
        return float(settings.IMAGE_WAIT_SECONDS)

    async def respond(self, request: Request, prepared: Creation[Body]) -> HttpResponse:
        """Wait for the tasks as long as the caller does, then answer with their outcome."""
        seconds = self.seconds_to_wait(request)
        is_served = False
        try:
            response = await self.wait(request, prepared, seconds)
            is_served = response.status_code not in REPEATED and response.status_code < 500
        finally:
            if not is_served:
                await self.note_unserved(request, prepared.ids)
        return self.mark(response, prepared.batch)

    def seconds_to_wait(self, request: Request) -> float:
        """Return how long this caller waits, by `Prefer` if it says so."""
        preferences = prefer(request)
        if not preferences.respond_async:
            return self.wait_seconds
        seconds = min(preferences.wait_seconds or 0.0, self.wait_seconds)
        if preferences.wait_seconds is not None:
            preferences.apply_wait(seconds)
        return seconds

    async def note_unserved(self, request: Request, ids: list[uuid.UUID]) -> None:
        """Let a repeat join the tasks: this caller has left, or gets a status that SDKs answer with a repeat."""
        if idempotency_key(request):
            return  # a repeat finds them by the key
        try:
            # Shielded, because a request whose caller left may be cancelled again when the server stops.
            await asyncio.shield(sync_to_async(services.note_unserved)(ids, timezone.now()))
        except DatabaseError as error:
            logger.warning("a repeat of this request will not join its task: %s", type(error).__name__)

    def mark(self, response: HttpResponse, batch: services.TaskBatch) -> HttpResponse:
        """Add headers that say if the tasks existed before, and which one was joined without a key."""
        if batch.is_replayed:
            response.headers["Idempotent-Replayed"] = "true"
        if batch.is_joined:
            response.headers["x-bing-joined-task"] = str(batch.tasks[0].pk)
        return response

    async def wait(self, request: Request, creation: Creation[Body], seconds: float) -> HttpResponse:
        """Return the outcome of the tasks within `seconds`, or their state after that."""
        created = creation.batch.tasks
        tasks = None
        try:
            if seconds > 0 and not self.has_ended(created):
                tasks = await task_waiter.wait(creation.ids, self.states, seconds)
        except NoWorkerError as error:
            if not prefer(request).respond_async:
                return await self.withdraw(error, creation.ids)
        except StoppingError:
            return self.part(request, created[0])
        tasks = tasks or await sync_to_async(services.read_tasks)(creation.ids)
        if self.has_ended(tasks):
            return await self.show(creation.body, tasks)
        return self.promise(request, tasks[0]) if prefer(request).respond_async else self.late(tasks[0])

    async def withdraw(self, error: NoWorkerError, ids: list[uuid.UUID]) -> HttpResponse:
        """Cancel the tasks, since no worker runs, so that nothing is made later for a caller who has left."""
        await sync_to_async(services.withdraw_tasks)(ids, timezone.now())
        return self.failure(error, task_id=str(ids[0]))

    def has_ended(self, tasks: Sequence[Task]) -> bool:
        """True if every task has reached a state that the caller waits for."""
        return all(task.state in self.states for task in tasks)

    @abstractmethod
    async def show(self, body: Body, tasks: Sequence[Task]) -> HttpResponse:
        """Return the answer for tasks that have ended."""

    def promise(self, request: Request, task: Task) -> HttpResponse:
        """Answer 202: the task goes on, and `Location` has its address."""
        prefer(request).apply_respond_async()
        return self.success(show_accepted(task), 202, {"Location": f"{settings.PUBLIC_URL}/task/{task.pk}"})

    def late(self, task: Task) -> HttpResponse:
        """Answer 504 when the wait is over; the task goes on."""
        message = f"No result within {self.wait_seconds:g} s. The task goes on: GET /task/{task.pk}"
        return self.failure(UpstreamTimeoutError(message, code="timeout"), task_id=str(task.pk))

    def part(self, request: Request, task: Task) -> HttpResponse:
        """Answer a caller who waits while this server stops; the task goes on."""
        return self.promise(request, task) if prefer(request).respond_async else self.refuse(stopping(task), task)

    def refuse(self, error: ServiceError, task: Task) -> HttpResponse:
        """Return the task's failure as the answer to the request."""
        return self.failure(error, task_id=str(task.pk))


class CreateImageViewSet(CreationViewSet[CreateImageSerializer]):
    """`POST /create/image`."""

    route = "create/image"
    needs: ClassVar = {"create": ("images",)}
    body_class = CreateImageSerializer

    @openapi.CREATE_IMAGE
    def create(self, request: Request) -> Creation[CreateImageSerializer]:
        """Make pictures and wait for them."""
        return self.create_tasks(request)

    async def show(self, body: CreateImageSerializer, tasks: Sequence[Task]) -> HttpResponse:
        """Return the pictures, or why there are none."""
        error = services.failure_of(tasks[0])
        return self.refuse(error, tasks[0]) if error else self.success(show_images(tasks[0]))


class CreateVideoViewSet(CreationViewSet[CreateVideoSerializer]):
    """`POST /create/video`."""

    route = "create/video"
    needs: ClassVar = {"create": ("videos",)}
    states = ANSWERED
    body_class = CreateVideoSerializer

    @openapi.CREATE_VIDEO
    def create(self, request: Request) -> Creation[CreateVideoSerializer]:
        """Make a video and wait until Bing has accepted or refused it."""
        return self.create_tasks(request)

    @property
    def wait_seconds(self) -> float:
        """The longest wait for the outcome."""
        return VIDEO_WAIT_SECONDS

    async def show(self, body: CreateVideoSerializer, tasks: Sequence[Task]) -> HttpResponse:
        """Return the task's id once Bing has accepted it, whatever came later; else why it was refused."""
        error = None if tasks[0].accepted_at else services.failure_of(tasks[0])
        return self.refuse(error, tasks[0]) if error else self.late(tasks[0])

    def late(self, task: Task) -> HttpResponse:
        """Answer with the task's id, although Bing has not accepted the task yet."""
        return self.success(show_accepted(task))


class ImageGenerationViewSet(CreationViewSet[ImageGenerationSerializer]):
    """OpenAI's `POST images/generations`."""

    contract = OPENAI
    route = "images/generations"
    needs: ClassVar = {"create": ("images",)}
    body_class = ImageGenerationSerializer

    @openapi.GENERATE_IMAGES
    def create(self, request: Request) -> Creation[ImageGenerationSerializer]:
        """Make up to four pictures and wait for them."""
        return self.create_tasks(request)

    def is_repeat(self, request: Request) -> bool:
        """True for retries of OpenAI's SDKs, which send their number."""
        count = request.headers.get("x-stainless-retry-count", "")
        return count.isascii() and count.isdigit() and count.strip("0") != ""

    async def show(self, body: ImageGenerationSerializer, tasks: Sequence[Task]) -> HttpResponse:
        """Return the pictures of the tasks that succeeded; if none did, the first one's error."""
        found = [(task, url) for task in tasks for url in image_urls(task)][: body.image_count]
        errors = [error for error in map(services.failure_of, tasks) if error]
        if not found and errors:
            return self.refuse(errors[0], tasks[0])
        try:
            contents = await shutdown.within_grace(services.fetch_images(found)) if body.is_inline else []
        except StoppingError:
            return self.refuse(stopping(tasks[0]), tasks[0])
        return self.success(show_generation(tasks[0], found, contents))


def stopping(task: Task) -> StoppingError:
    """Return the error for a caller who waits for the task while this server stops."""
    return StoppingError(f"The server is stopping or restarting. The task goes on: GET /task/{task.pk}")
