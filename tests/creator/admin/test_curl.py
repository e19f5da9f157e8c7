"""A task's request as a command: a real shell passes on exactly the request."""

from __future__ import annotations

import json
import subprocess

import pytest

from creator.admin.curl import KEY, curl_of
from creator.models import Task

NASTY = "it's \"quoted\" $HOME `id` \\ %s !\nnew line\ttab ü 狐 ; rm -rf / && 'x'"
# A stand-in for curl: prints its arguments, each followed by a NUL.
SHELL = "curl() { printf '%s\\0' \"$@\"; }\n"


def sent(task: Task) -> tuple[str, list[str], dict[str, str]]:
    """Return URL, headers and body that the command would send, as a shell reads it."""
    done = subprocess.run(
        ["sh", "-c", SHELL + curl_of(task, "https://bing.example")], capture_output=True, check=True, text=True
    )
    assert done.stderr == ""
    _, method, address, _, key, _, kind, _, body, _ = done.stdout.split("\0")
    assert method == "POST"
    return address, [key, kind], json.loads(body)


def test_any_prompt_arrives_unchanged() -> None:
    """Quotes, variables, commands, new lines, foreign letters."""
    address, headers, body = sent(Task(prompt=NASTY, model="GPT4O", aspect="PORTRAIT", speed="fast"))
    assert address == "https://bing.example/create/image"
    assert headers == [f"Authorization: Bearer {KEY}", "Content-Type: application/json"]
    assert body == {"query": NASTY, "model": "GPT4O", "aspect": "PORTRAIT", "speed": "fast"}
    assert not KEY.startswith("bp_")  # an open server checks only keys that begin so


def test_an_open_server_needs_no_key() -> None:
    """The command works as pasted."""
    text = curl_of(Task(prompt="a fox"), "https://bing.example", needs_key=False)
    assert "Authorization" not in text and KEY not in text and "a fox" in text


@pytest.mark.parametrize("route", ["create/video", "admin"])
def test_a_video_is_requested_as_one(route: str) -> None:
    """Also one that an operator retried."""
    address, _, body = sent(Task(kind="video", prompt="a fox", speed="standard", route=route))
    assert (address, body) == ("https://bing.example/create/video", {"query": "a fox", "speed": "standard"})


@pytest.mark.parametrize(("aspect", "size"), [("SQUARE", "1024x1024"), ("LANDSCAPE", "1792x1024"), ("ODD", "auto")])
def test_openais_route_keeps_its_fields(aspect: str, size: str) -> None:
    """Model and size instead of model and aspect."""
    address, _, body = sent(Task(prompt="a fox", model="MAI1", aspect=aspect, route="images/generations"))
    assert address == "https://bing.example/v1/images/generations"
    assert body == {"model": "MAI1", "prompt": "a fox", "size": size}
