"""A task's request as a command: a real shell passes on exactly what was asked."""

from __future__ import annotations

import json
import subprocess

import pytest

from creator.admin.curl import KEY, curl_of
from creator.models import Task

NASTY = "it's \"quoted\" $HOME `id` \\ %s !\nnew line\ttab ü 狐 ; rm -rf / && 'x'"
# Stands in for curl: prints what it was given, each argument ended by a NUL.
SHELL = "curl() { printf '%s\\0' \"$@\"; }\n"


def sent(task: Task) -> tuple[str, list[str], dict[str, str]]:
    """Address, headers and body that the command would send, as a shell understands it."""
    done = subprocess.run(
        ["sh", "-c", SHELL + curl_of(task, "https://bing.example")], capture_output=True, check=True, text=True
    )
    assert done.stderr == ""
    _, method, address, _, key, _, kind, _, body, _ = done.stdout.split("\0")
    assert method == "POST"
    return address, [key, kind], json.loads(body)


def test_whatever_stands_in_a_prompt_arrives_as_it_is() -> None:
    """Quotes, variables, commands, new lines, foreign letters."""
    address, headers, body = sent(Task(prompt=NASTY, model="GPT4O", aspect="PORTRAIT", speed="fast"))
    assert address == "https://bing.example/create/image"
    assert headers == [f"Authorization: Bearer {KEY}", "Content-Type: application/json"]
    assert body == {"query": NASTY, "model": "GPT4O", "aspect": "PORTRAIT", "speed": "fast"}
    assert not KEY.startswith("bp_")  # in open mode only such a key would be looked at


@pytest.mark.parametrize("route", ["create/video", "admin"])
def test_a_video_is_asked_for_as_one(route: str) -> None:
    """Also one that an operator had tried again."""
    address, _, body = sent(Task(kind="video", prompt="a fox", speed="standard", route=route))
    assert (address, body) == ("https://bing.example/create/video", {"query": "a fox", "speed": "standard"})


@pytest.mark.parametrize(("aspect", "size"), [("SQUARE", "1024x1024"), ("LANDSCAPE", "1792x1024"), ("ODD", "auto")])
def test_openais_route_keeps_its_words(aspect: str, size: str) -> None:
    """Model and size instead of model and aspect."""
    address, _, body = sent(Task(prompt="a fox", model="MAI1", aspect=aspect, route="images/generations"))
    assert address == "https://bing.example/v1/images/generations"
    assert body == {"model": "MAI1", "prompt": "a fox", "size": size}
