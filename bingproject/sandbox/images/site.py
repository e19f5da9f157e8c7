"""Bing's creator and its file server as one site: which path is answered by what, and when a submit is."""

from __future__ import annotations

import asyncio
from functools import partial

from bingproject.sandbox.core.exchange import Request, SandboxReply
from bingproject.sandbox.core.provider import SandboxRoute, ServeSocket
from bingproject.sandbox.core.state import SandboxState
from bingproject.sandbox.images.image_creator import ImageCreator, split_results_path
from bingproject.sandbox.images.media import Media
from bingproject.sandbox.images.submit_form import DOORS

MEDIA_PREFIX = "/th/id/"
RESULTS, DETAIL = "/async/results/", "/detail/async/"
LARGEST_SUBMIT = 1 << 20  # bytes


class ImageSite:
    """The emulated service; one object per sandbox."""

    name = "images"

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self.creator = ImageCreator(state)
        self.media = Media(state)

    def find_route(self, request: Request) -> SandboxRoute | None:
        """Return what answers a request; polls come first, for they are most of the requests."""
        path = request.path
        if request.method == "POST":
            return SandboxRoute(self._submit, LARGEST_SUBMIT) if path in DOORS else None
        if request.method not in ("GET", "HEAD"):
            return None
        for marker, answer in ((RESULTS, self._poll), (DETAIL, self._detail)):
            found = split_results_path(path, marker)
            if found is not None and found[0] in DOORS:
                return SandboxRoute(partial(answer, found[1]))
        if path in DOORS:
            return SandboxRoute(self._page)
        return SandboxRoute(self._file) if path.startswith(MEDIA_PREFIX) else None

    def find_socket(self, _path: str) -> ServeSocket | None:
        """Return None: the creator has no sockets."""
        return None

    def close(self) -> None:
        """End the drawing threads."""
        self.media.close()

    def _poll(self, request_id: str, request: Request, _body: bytes) -> SandboxReply:
        return self.creator.poll(request, request_id)

    def _detail(self, request_id: str, request: Request, _body: bytes) -> SandboxReply:
        return self.creator.detail(request, request_id)

    def _page(self, request: Request, _body: bytes) -> SandboxReply:
        return self.creator.page(request)

    async def _file(self, request: Request, _body: bytes) -> SandboxReply:
        return await self.media.file(request, request.path.removeprefix(MEDIA_PREFIX))

    async def _submit(self, request: Request, body: bytes) -> SandboxReply:
        """Take half of the latency before the decision and half after it, so that a kill can fall on either side."""
        low, high = self.state.options.submit_seconds
        if high <= 0:
            return self.creator.submit(request, body)
        pause = low + (high - low) * ((self.state.counts.submits * 0.618) % 1)
        await asyncio.sleep(pause / 2)
        reply = self.creator.submit(request, body)
        await asyncio.sleep(pause / 2)
        return reply
