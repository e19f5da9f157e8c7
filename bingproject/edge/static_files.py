"""Serve collected static files before Django, from WhiteNoise's list, without a thread for each request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from whitenoise import WhiteNoise  # type: ignore[import-untyped] # ships no types
from whitenoise.responders import Response, StaticFile  # type: ignore[import-untyped] # ships no types

from bingproject.errors import InvalidRequestError, NotFoundError

CHUNK_BYTES = 256 * 1024
# The headers by which WhiteNoise chooses the encoding or range of a file, or answers 304.
_CONDITIONS = ("if-none-match", "if-modified-since", "range", "accept-encoding")
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class StaticFiles:
    """The collected files below one prefix. They are listed at the first request, to keep the start fast."""

    def __init__(self, root: Path, prefix: str) -> None:
        self.root = root
        self.prefix = prefix
        self._files: dict[str, StaticFile] = {}

    async def serve(self, method: str, path: str, headers: Mapping[str, str], send: Send) -> None:
        """Send the file.

        Raises:
            NotFoundError: There is no such file.
            InvalidRequestError: `method_not_allowed`, for other methods than GET and HEAD.
        """
        if method not in ("GET", "HEAD"):
            raise InvalidRequestError(code="method_not_allowed")
        if not self._files:
            self._files = await asyncio.to_thread(self._list)
        found = self._files.get(path)
        if found is None:
            raise NotFoundError
        environ = {f"HTTP_{name.upper().replace('-', '_')}": headers[name] for name in _CONDITIONS if name in headers}
        await _send(await asyncio.to_thread(found.get_response, method, environ), send)

    def _list(self) -> dict[str, StaticFile]:
        if not self.root.is_dir():
            return {}
        # Names with the hash that the manifest storage adds never change their content: browsers may keep them.
        listed = WhiteNoise(
            None,
            root=str(self.root),
            prefix=self.prefix,
            allow_all_origins=False,
            immutable_file_test=r"^.+\.[0-9a-f]{12}\.[^/]+$",
        )
        return dict(listed.files)


async def _send(answer: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    try:
        await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
        while answer.file is not None:
            chunk = await asyncio.to_thread(answer.file.read, CHUNK_BYTES)
            if not chunk:
                break
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        if answer.file is not None:
            answer.file.close()
