"""Serve the result files: pictures, drawn when first requested, and one short video, with byte ranges for players."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

from bingproject.sandbox.core import answers
from bingproject.sandbox.core.exchange import Header, Request, SandboxReply
from bingproject.sandbox.core.scenario import Scenario, Stage
from bingproject.sandbox.core.state import VIDEO, SandboxGeneration, SandboxState
from bingproject.sandbox.images.drawing import draw_picture, picture_size, shrink
from bingproject.sandbox.images.results import picture_count

VIDEO_FILE = Path(__file__).parent / "sandbox.mp4"
RANGE = re.compile(rb"bytes=([0-9]*)-([0-9]*)")
KEPT_PICTURES = 24
LARGEST_THUMBNAIL = 2048
CHAT_PREFIX, CHAT_SIZE = "BCO.", (1024, 1024)


@cache
def _video() -> bytes:
    return VIDEO_FILE.read_bytes()


class Media:
    """The file server; one object per sandbox."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self._kept: OrderedDict[tuple[str, int, int, int], bytes] = OrderedDict()
        self._threads = ThreadPoolExecutor(2, "sandbox-drawing")

    def close(self) -> None:
        """End the drawing threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def file(self, request: Request, media_id: str) -> SandboxReply:
        """Answer a GET for a result file."""
        state = self.state
        state.counts.media["requests"] += 1
        if request.cookies(b"_U"):
            state.violation("cookie-on-media", "a request for a file carries _U", path=request.path)
        is_video_file = media_id.endswith(".mp4")
        generation, index = state.media.get(media_id.removesuffix(".mp4"), (None, 0))
        scenario = self._scenario(request, generation)
        if scenario is not None:
            return answers.answer(scenario, None)
        query = request.query()
        if generation is None:
            return await self._chat_picture(media_id) if media_id.startswith(CHAT_PREFIX) else _missing()
        if query.get("pid") == "videocreator" or is_video_file:
            return self._video(request) if generation.kind == VIDEO and index == 0 else _missing()
        if generation.kind != VIDEO and index >= max(picture_count(generation), 2 if generation.model else 0):
            return _missing()
        state.counts.media["pictures"] += 1
        jpeg = await asyncio.get_running_loop().run_in_executor(self._threads, self._picture, generation, index)
        box = _box(query)
        if box is not None:
            jpeg = await asyncio.get_running_loop().run_in_executor(self._threads, shrink, jpeg, *box)
        return SandboxReply(jpeg, content_type="image/jpeg", page=False, headers=_public())

    async def _chat_picture(self, media_id: str) -> SandboxReply:
        """Draw a picture that was made in a chat; its address contains the prompt."""
        prompt = media_id.removeprefix(CHAT_PREFIX).rpartition(".")[0]
        draw = partial(draw_picture, prompt, 0, CHAT_SIZE)
        jpeg = await asyncio.get_running_loop().run_in_executor(self._threads, draw)
        return SandboxReply(jpeg, content_type="image/jpeg", page=False, headers=_public())

    def _scenario(self, request: Request, generation: SandboxGeneration | None) -> Scenario | None:
        """Return the scenario of a rule, of the prompt's words, or of the tse hosts; None to serve the file."""
        chosen = self.state.scenarios.choose(frozenset({Stage.MEDIA}), generation.account if generation else "")
        if chosen is not None:
            return chosen.scenario
        for name in generation.course if generation else ():
            if self.state.scenarios.catalogue[name].stage is Stage.MEDIA:
                return self.state.scenarios.catalogue[name]
            if name == "tse-403" and (request.header(b"host") or b"").startswith(b"tse"):
                return self.state.scenarios.catalogue["media-http-403"]
        return None

    def _picture(self, generation: SandboxGeneration, index: int) -> bytes:
        """Draw a picture, or return it from the cache of the last ones; runs in a thread."""
        size = (854, 480) if generation.kind == VIDEO else picture_size(generation.model, generation.aspect)
        key = (generation.prompt, index, *size)
        jpeg = self._kept.get(key)
        if jpeg is None:
            jpeg = self._kept[key] = draw_picture(generation.prompt, index, size)
            while len(self._kept) > KEPT_PICTURES:
                self._kept.popitem(last=False)
        return jpeg

    def _video(self, request: Request) -> SandboxReply:
        self.state.counts.media["videos"] += 1
        video = _video()
        headers = (*_public(), (b"accept-ranges", b"bytes"))
        found = RANGE.fullmatch(request.header(b"range") or b"")
        if found is None or found.groups() == (b"", b""):
            return SandboxReply(video, content_type="video/mp4", page=False, headers=headers)
        first, last = _span(found[1], found[2], len(video))
        if first > last:
            refused = (b"content-range", b"bytes */%d" % len(video))
            return SandboxReply(status=416, content_type="video/mp4", page=False, headers=(*headers, refused))
        part = (b"content-range", b"bytes %d-%d/%d" % (first, last, len(video)))
        body = video[first : last + 1]
        return SandboxReply(body, status=206, content_type="video/mp4", page=False, headers=(*headers, part))


def _span(first: bytes, last: bytes, length: int) -> tuple[int, int]:
    """Return first and last byte of a Range header, both included; an empty range has first after last."""
    if not first:
        return max(0, length - int(last)), length - 1 if int(last) else -1
    return int(first), min(int(last), length - 1) if last else length - 1


def _box(query: dict[str, str]) -> tuple[int, int] | None:
    width, height = query.get("w", ""), query.get("h", query.get("w", ""))
    if not (width.isdecimal() and height.isdecimal()):
        return None
    box = int(width), int(height)
    return box if all(1 <= side <= LARGEST_THUMBNAIL for side in box) else None


def _public() -> tuple[Header, ...]:
    return ((b"cache-control", b"public, max-age=2592000"), (b"access-control-allow-origin", b"*"))


def _missing() -> SandboxReply:
    return SandboxReply(status=404, content_type="text/plain", page=False)
