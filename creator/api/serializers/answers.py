"""How tasks are shown: plain functions, since a serializer would cost more than the rest of a hot read."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from bingproject.contracts import BING_CREATE, iso
from creator.models import Kind, State, Task
from creator.services import Condition, failure_of


def show_condition(condition: Condition) -> dict[str, Any]:
    """What `GET /health` says."""
    return {
        "status": "ok",
        "cookie": "set" if condition.has_account else "not set",
        "session": "active" if condition.has_session else "inactive",
        "activeTasks": condition.unfinished_count,
        "worker": "running" if condition.has_worker else "none",
    }


def image_urls(task: Task) -> list[str]:
    """Its pictures' addresses; only a completed picture task has any."""
    if task.kind != Kind.IMAGE or task.state != State.COMPLETED:
        return []
    return task.image_urls


def show_task(task: Task) -> dict[str, Any]:
    """A task as `GET /task/:id` has it; reads its pictures unless they were read before."""
    failure = failure_of(task)
    kind, _status, code = (None, 0, None) if failure is None else BING_CREATE.row(failure.code)
    return {
        "id": str(task.pk),
        "status": task.status,
        "prompt": task.prompt,
        "video": task.video_url or None,
        "error": failure.message if failure else None,
        "createdAt": iso(task.created_at),
        "completedAt": iso(task.finished_at) if task.finished_at else None,
        "kind": task.kind,
        "images": image_urls(task),
        "state": task.state,
        "errorType": kind,
        "errorCode": code,
    }


def show_images(task: Task) -> dict[str, Any]:
    """The pictures of a completed task as `POST /create/image` has them; reads them unless they were read before."""
    return {
        "images": image_urls(task),
        "prompt": task.revised_prompt or task.prompt,
        "model": task.model,
        "aspect": task.aspect,
        "taskId": str(task.pk),
    }


def show_accepted(task: Task) -> dict[str, Any]:
    """A task that goes on, for a caller who comes back for it."""
    return {"taskId": str(task.pk), "prompt": task.prompt}


def show_generation(first: Task, found: Sequence[tuple[Task, str]], contents: Sequence[bytes | None]) -> dict[str, Any]:
    """Pictures as OpenAI's clients know them.

    Shape: `found` pairs tasks and addresses; `contents` holds each picture's bytes when bytes are asked for, None for
    one that could not be had, which is left out.
    """
    pictures: list[dict[str, str]] = []
    for index, (task, url) in enumerate(found):
        content = contents[index] if contents else b""
        if content is None:
            continue
        picture = {"b64_json": base64.b64encode(content).decode("ascii")} if contents else {"url": url}
        pictures.append(picture | {"revised_prompt": task.revised_prompt or task.prompt})
    return {"created": int(first.created_at.timestamp()), "data": pictures}
