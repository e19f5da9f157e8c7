"""A task's request as a client would send it: a command to paste into a shell, with a place for the key."""

from __future__ import annotations

import json
import shlex
from typing import Any

from creator.models import Kind, Task

KEY = "YOUR_API_KEY"
SIZES = {"SQUARE": "1024x1024", "LANDSCAPE": "1792x1024", "PORTRAIT": "1024x1792"}


def curl_of(task: Task, address: str) -> str:
    """The command; whatever stands in the prompt, a shell passes it on as it is.

    Units: `address` is the server's own, without a slash at its end.
    """
    path, body = _request_of(task)
    lines = (
        f"curl -X POST {shlex.quote(address + path)}",
        f"-H {shlex.quote(f'Authorization: Bearer {KEY}')}",
        f"-H {shlex.quote('Content-Type: application/json')}",
        f"--data-raw {shlex.quote(json.dumps(body, ensure_ascii=False))}",
    )
    return " \\\n  ".join(lines)


def _request_of(task: Task) -> tuple[str, dict[str, Any]]:
    """Path and body; a task that an operator tried again is asked for the way of its kind."""
    if task.kind == Kind.VIDEO:
        return "/create/video", {"query": task.prompt, "speed": task.speed}
    if task.route == "images/generations":
        body = {"model": task.model, "prompt": task.prompt, "size": SIZES.get(task.aspect, "auto")}
        return "/v1/images/generations", body
    wish = {"query": task.prompt, "model": task.model, "aspect": task.aspect, "speed": task.speed}
    return "/create/image", wish
