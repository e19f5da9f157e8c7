"""One exchange with Bing's creator: moves bytes, judges nothing."""

from __future__ import annotations

import httpx

from bingproject.upstream import Answer, Download, download, exchange
from creator.protocol import (
    HttpRequest,
    Order,
    Paths,
    VideoCard,
    build_create,
    build_poll,
    build_video_detail,
    build_video_page,
    build_visit,
)


class ImageCreatorClient:
    """Bing's image and video pages as one account sees them.

    Shape: every method returns an `Answer` (status, headers, text).
    Raises: NotSentError when Bing certainly got nothing, OutcomeUnknownError when it may have.
    """

    def __init__(self, http: httpx.AsyncClient, base_url: str, paths: Paths | None = None) -> None:
        self._http = http
        self._base_url = base_url
        self._paths = paths or Paths()

    async def submit(self, order: Order, ig: str) -> Answer:
        """Ask for a generation; redirects are not followed, their address carries the request id."""
        return await self.send(build_create(order, ig=ig, paths=self._paths))

    async def visit(self, location: str) -> Answer:
        """Open the page that an accepted request was redirected to, as a browser would."""
        return await self.send(build_visit(location))

    async def poll(self, order: Order, request_id: str, ig: str) -> Answer:
        """One look at the result."""
        return await self.send(build_poll(order, request_id, ig=ig, paths=self._paths))

    async def fetch_video_detail(self, request_id: str, card: VideoCard) -> Answer:
        """The address of a finished video that the poll only announced."""
        return await self.send(build_video_detail(request_id, card))

    async def fetch_video_page(self) -> Answer:
        """The page on which videos are asked for; nothing is asked for."""
        return await self.send(build_video_page(paths=self._paths))

    async def send(self, request: HttpRequest) -> Answer:
        """One exchange, which all of the above are."""
        return await exchange(
            self._http, request.method, self._base_url + request.path, headers=request.headers, content=request.body
        )


async def fetch_picture(http: httpx.AsyncClient, url: str) -> Download:
    """The file behind a result's address, with whatever status; `http` sends no cookies."""
    return await download(http, url)
