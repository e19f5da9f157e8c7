"""Paths that exist only in tests: viewsets that show what the base made of a request."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path
from rest_framework import serializers
from rest_framework.response import Response

from bingproject.api import AsyncContractViewSet, ContractRequest, ContractViewSet, idempotency_key, prefer
from bingproject.contracts import OPENAI, Contract
from bingproject.errors import UpstreamTimeoutError, by_code
from bingproject.urls import handler404, handler500

__all__ = ["handler404", "handler500", "urlpatterns"]
left: list[str] = []


def holder_of(request: ContractRequest) -> str:
    """Whom the request counts for."""
    caller: Any = request.user
    return str(caller.holder)


class FoxSerializer(serializers.Serializer[Any]):
    """One field with DRF's own messages."""

    tails = serializers.IntegerField()


class EchoViewSet(ContractViewSet):
    """Shows the body, the caller and the thread."""

    def retrieve(self, request: ContractRequest) -> HttpResponse:
        """Who asks, on which thread."""
        return self.success({"holder": holder_of(request), "thread": threading.current_thread().name})

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
            return self.failure(UpstreamTimeoutError(), taskId="t-1")
        raise by_code(code, retry_after=7)


class OpenAIViewSet(FailingViewSet):
    """The same by another contract, which takes no forms."""

    contract: ClassVar[Contract] = OPENAI

    def create(self, request: ContractRequest) -> HttpResponse:
        """What the body was read as."""
        return self.success(request.data)


class WaitingViewSet(AsyncContractViewSet):
    """Waits without a thread."""

    async def create(self, request: ContractRequest) -> HttpResponse:
        """Wait as long as `Prefer` says, a thousand times faster; tell when the caller leaves."""
        preferences = prefer(request)
        try:
            if preferences.wait_seconds:
                await asyncio.sleep(preferences.wait_seconds / 1000)
                preferences.apply_wait(min(preferences.wait_seconds, 60_000))
        except asyncio.CancelledError:
            left.append(request.data.get("name", ""))
            raise
        return self.success({"body": request.data, "holder": holder_of(request)})

    async def stream(self, request: ContractRequest) -> StreamingHttpResponse:
        """Two lines of a stream."""

        async def lines() -> Any:
            yield b"data: 1\n\n"
            yield b"data: 2\n\n"

        return StreamingHttpResponse(lines(), content_type="text/event-stream")

    async def fail(self, request: ContractRequest) -> HttpResponse:
        """A bug in an asynchronous action."""
        raise RuntimeError("SELECT secret FROM cookies")


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
