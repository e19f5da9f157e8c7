"""Paths that exist only in tests: viewsets that show what the base made of a request."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from bingproject.api.contracts import OPENAI, Contract
from bingproject.api.viewsets import AsyncContractViewSet, ContractRequest, ContractViewSet, idempotency_key, prefer
from bingproject.errors import UpstreamTimeoutError, by_code
from bingproject.urls import handler404, handler500

__all__ = ["handler404", "handler500", "urlpatterns"]
left: list[str] = []
policy_threads: list[str] = []


def caller_id_of(request: ContractRequest) -> str:
    """Whom the request counts for."""
    caller: Any = request.user
    return str(caller.caller_id)


class FoxSerializer(serializers.Serializer[Any]):
    """One field with DRF's own messages."""

    tails = serializers.IntegerField()


class EchoViewSet(ContractViewSet):
    """Shows the body, the caller and the thread."""

    def retrieve(self, request: ContractRequest) -> HttpResponse:
        """Who asks, on which thread."""
        return self.success({"caller_id": caller_id_of(request), "thread": threading.current_thread().name})

    def create(self, request: ContractRequest) -> HttpResponse:
        """What the body was read as."""
        return self.success({"body": request.data, "key": idempotency_key(request)})

    def check(self, request: ContractRequest) -> HttpResponse:
        """What a serializer makes of the body."""
        serializer = FoxSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self.success(dict(serializer.validated_data))


class PublicViewSet(ContractViewSet):
    """Needs no key."""

    authentication_classes = ()
    permission_classes = ()

    def retrieve(self, request: ContractRequest) -> Response:
        """Answers the way of DRF."""
        return Response({"anybody": True}, status=203, headers={"X-Fox": "red"})


class FailingViewSet(ContractViewSet):
    """Raises what the path names."""

    def retrieve(self, request: ContractRequest, code: str) -> HttpResponse:
        """One of our errors, or a bug."""
        if code == "bug":
            raise RuntimeError("SELECT secret FROM cookies")
        if code == "timeout":
            return self.failure(UpstreamTimeoutError(), task_id="t-1")
        raise by_code(code, retry_after=7)


class OpenAIViewSet(FailingViewSet):
    """The same by another contract, which takes no forms."""

    contract: ClassVar[Contract] = OPENAI

    def create(self, request: ContractRequest) -> HttpResponse:
        """What the body was read as."""
        return self.success(request.data)


@dataclass(frozen=True, slots=True)
class Wait:
    """What the action of `WaitingViewSet` found out in its thread."""

    body: Any
    caller_id: str
    thread: str
    seconds: float = 0.0
    is_bug: bool = False


class NoteThread(BaseThrottle):
    """A policy that notes the thread it runs on."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Let everybody pass."""
        policy_threads.append(threading.current_thread().name)
        return True


class WaitingViewSet(AsyncContractViewSet[Wait]):
    """Waits without a thread."""

    throttle_classes = (*AsyncContractViewSet.throttle_classes, NoteThread)

    def create(self, request: ContractRequest) -> Wait:
        """Wait as long as `Prefer` says, a thousand times faster; tell when the caller leaves."""
        preferences = prefer(request)
        seconds = preferences.wait_seconds or 0.0
        if seconds:
            preferences.apply_wait(min(seconds, 60_000))
        return Wait(request.data, caller_id_of(request), threading.current_thread().name, seconds / 1000)

    def stream(self, request: ContractRequest) -> StreamingHttpResponse:
        """Two lines of a stream."""

        async def lines() -> Any:
            yield b"data: 1\n\n"
            yield b"data: 2\n\n"

        return StreamingHttpResponse(lines(), content_type="text/event-stream")

    def fail(self, request: ContractRequest) -> Wait:
        """A bug in the asynchronous part."""
        return Wait({}, "", "", is_bug=True)

    async def respond(self, request: Request, prepared: Wait) -> HttpResponse:
        """Wait, then show what was prepared."""
        if prepared.is_bug:
            raise RuntimeError("SELECT secret FROM cookies")
        try:
            await asyncio.sleep(prepared.seconds)
        except asyncio.CancelledError:
            left.append(prepared.body.get("name", ""))
            raise
        return self.success({"body": prepared.body, "caller_id": prepared.caller_id, "thread": prepared.thread})


def broken(request: HttpRequest) -> HttpResponse:
    """A view that is no viewset, with a bug."""
    raise RuntimeError("SELECT secret FROM cookies")


urlpatterns = [
    path("echo", EchoViewSet.as_view({"get": "retrieve", "post": "create"})),
    path("check", EchoViewSet.as_view({"post": "check"})),
    path("public", PublicViewSet.as_view({"get": "retrieve"})),
    path("fail/<str:code>", FailingViewSet.as_view({"get": "retrieve"})),
    path("v1/fail/<str:code>", OpenAIViewSet.as_view({"get": "retrieve"})),
    path("v1/echo", OpenAIViewSet.as_view({"post": "create"})),
    path("wait", WaitingViewSet.as_view({"post": "create", "get": "stream", "delete": "fail"})),
    path("broken", broken),
    path("", include("bingproject.urls")),
]
