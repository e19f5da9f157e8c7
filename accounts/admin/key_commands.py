"""Shell commands to try a new key; the first one spends nothing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Scope → (what the command does, path, body).
EXAMPLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "images": ("Make a picture", "/v1/images/generations", {"prompt": "a red fox in the snow"}),
    "videos": ("Make a video", "/create/video", {"query": "a red fox in the snow"}),
    "chat": (
        "Chat",
        "/v1/chat/completions",
        {"model": "balanced", "messages": [{"role": "user", "content": "Why is the sky blue?"}]},
    ),
}


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command and what it does."""

    title: str
    text: str


def commands_of(key: str, scopes: Sequence[str], address: str) -> list[Command]:
    """Return one command that lists the models, and one per scope.

    Args:
        key: The key's text.
        scopes: The key's scopes.
        address: The server's public URL, without a slash at its end.
    """
    authorization = f"-H {shlex.quote(f'Authorization: Bearer {key}')}"
    commands = [
        Command("List the models: spends nothing", f"curl {shlex.quote(f'{address}/v1/models')} \\\n  {authorization}")
    ]
    for scope in scopes:
        title, path, body = EXAMPLES[scope]
        lines = (
            f"curl {shlex.quote(address + path)}",
            authorization,
            f"-H {shlex.quote('Content-Type: application/json')}",
            f"-d {shlex.quote(json.dumps(body))}",
        )
        commands.append(Command(title, " \\\n  ".join(lines)))
    return commands
