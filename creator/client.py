"""HTTP client of Bing's creator: sends requests and returns responses without reading them."""

from __future__ import annotations

import httpx

from bingproject.upstream.http_client import Download, UpstreamResponse, download, exchange
from creator.protocol import (
    CreatorRequest,
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

    Every method returns the status, headers and text of one response, whatever the status.

    Raises:
        NotSentError: Bing certainly received nothing.
        OutcomeUnknownError: Bing may have received the request.
    """

    def __init__(self, http: httpx.AsyncClient, base_url: str, paths: Paths | None = None) -> None:
        self._http = http
        self._base_url = base_url
        self._paths = paths or Paths()

    async def submit(self, order: Order, ig: str) -> UpstreamResponse:
        """Request a generation. Redirects are not followed, because their address contains the request id."""
        return await self.send(build_create(order, ig=ig, paths=self._paths))

    async def visit(self, location: str) -> UpstreamResponse:
        """Open the page that an accepted request was redirected to, as a browser would."""
        return await self.send(build_visit(location))

    async def poll(self, order: Order, request_id: str, ig: str) -> UpstreamResponse:
        """Poll once for the result of a generation."""
        return await self.send(build_poll(order, request_id, ig=ig, paths=self._paths))

    async def fetch_video_detail(self, request_id: str, card: VideoCard) -> UpstreamResponse:
        """Fetch the detail that contains the address of a finished video, which its poll only announced."""
        return await self.send(build_video_detail(request_id, card))

    async def fetch_video_page(self) -> UpstreamResponse:
        """Fetch the page on which videos are requested, without requesting one."""
        return await self.send(build_video_page(paths=self._paths))

    async def send(self, request: CreatorRequest) -> UpstreamResponse:
        """Make one exchange; every other method calls this one."""
        return await exchange(
            self._http, request.method, self._base_url + request.path, headers=request.headers, content=request.body
        )


async def fetch_picture(http: httpx.AsyncClient, url: str) -> Download:
    """Download the file of a result, whatever the status.

    Args:
        http: A client of the media host, which sends no cookies.
    """
    return await download(http, url)
