"""A task's request as a curl command to paste into a shell, with a placeholder for the API key."""

from __future__ import annotations

import json
import shlex
from typing import Any

from creator.models import Kind, Task

KEY = "YOUR_API_KEY"
SIZES = {"SQUARE": "1024x1024", "LANDSCAPE": "1792x1024", "PORTRAIT": "1024x1792"}


def curl_of(task: Task, address: str, *, needs_key: bool = True) -> str:
    """Return the command, quoted so that a shell passes any prompt on unchanged.

    Args:
        address: This server's own base URL, without a trailing slash.
        needs_key: Add an `Authorization` header with a placeholder.
    """
    path, body = _request_of(task)
    lines = (
        f"curl -X POST {shlex.quote(address + path)}",
        *([f"-H {shlex.quote(f'Authorization: Bearer {KEY}')}"] if needs_key else []),
        f"-H {shlex.quote('Content-Type: application/json')}",
        # `ensure_ascii=False` leaves prompts in other scripts readable; --data-raw gives "@" no meaning.
        f"--data-raw {shlex.quote(json.dumps(body, ensure_ascii=False))}",
    )
    return " \\\n  ".join(lines)


def _request_of(task: Task) -> tuple[str, dict[str, Any]]:
    """Return path and body. A retry by an operator has no route of a client's, so it uses the route of its kind."""
    if task.kind == Kind.VIDEO:
        return "/create/video", {"query": task.prompt, "speed": task.speed}
    if task.route == "images/generations":
        body = {"model": task.model, "prompt": task.prompt, "size": SIZES.get(task.aspect, "auto")}
        return "/v1/images/generations", body
    body = {"query": task.prompt, "model": task.model, "aspect": task.aspect, "speed": task.speed}
    return "/create/image", body
