"""Commands to try a new key."""

from __future__ import annotations

import json
import shlex

import httpx
import pytest

from accounts.admin.key_commands import EXAMPLES, commands_of
from accounts.models import SCOPES
from tests.factories import make_key


def test_commands_are_quoted_for_a_shell() -> None:
    """Address, key and body with any characters."""
    commands = commands_of("bp_it's", tuple(SCOPES), "https://example.org")
    assert len(commands) == len(SCOPES) + 1
    for command in commands:
        words = shlex.split(command.text.replace("\\\n", " "))
        assert words[0] == "curl" and words[1].startswith("https://example.org/")
        assert "Authorization: Bearer bp_it's" in words
        assert "-d" not in words or json.loads(words[words.index("-d") + 1])


def test_a_read_only_key_has_one_command() -> None:
    """It lists the models."""
    assert [command.title for command in commands_of("bp_x", (), "http://h")] == ["List the models: spends nothing"]
    assert set(EXAMPLES) == set(SCOPES)


@pytest.mark.django_db
def test_the_paths_exist(http: httpx.Client) -> None:
    """The first command works with a key; the others are not 404."""
    _, text = make_key()
    headers = {"Authorization": f"Bearer {text}"}
    assert http.get("/v1/models", headers=headers).status_code == 200
    for _, path, _body in EXAMPLES.values():
        assert http.post(path, headers=headers, json={}).status_code == 400
