"""The way in as a server imports it: one application, one line when a setting is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bingproject.asgi import application
from bingproject.edge.application import EdgeApplication
from tests.rig.servers import free_port

ROOT = Path(__file__).resolve().parents[2]


def test_is_the_gate() -> None:
    """What servers import stands before Django."""
    assert isinstance(application, EdgeApplication)


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    """The import ends with a line that names the variable, without a stack."""
    environment = {**os.environ, "PORT": "many", "DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", "import bingproject.asgi"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("bingproject cannot start: PORT must be")
    assert ended.stderr.count("\n") == 1


@pytest.mark.slow
def test_uvicorn_logs_as_the_project_does(tmp_path: Path) -> None:
    """Started by uvicorn's own command: its lines are masked JSON too, from the first to the refusal at the end."""
    command = [
        sys.executable, "-m", "uvicorn", "bingproject.asgi:application", "--port", str(free_port()),
        "--http", "bingproject.edge.http_protocol:GuardedHttpProtocol", "--lifespan", "on", "--no-access-log",
    ]  # fmt: skip
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "LOG_FORMAT": "json"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {line["logger"] for line in lines} == {"uvicorn.error"}
    assert lines[0]["message"].startswith("Started server process")
    assert any("The database has no tables yet" in line["message"] for line in lines)
    assert ended.stdout == ""


@pytest.mark.slow
def test_uvicorn_keeps_no_log_of_requests(tmp_path: Path) -> None:
    """It would as soon as any handler could have it, asked for or not; addresses may hold prompts."""
    code = (
        "import logging, uvicorn\n"
        "uvicorn.Config('bingproject.asgi:application', access_log=False).load()\n"
        "print(logging.getLogger('uvicorn.access').hasHandlers(), logging.getLogger('uvicorn.error').hasHandlers())"
    )
    environment = {**os.environ, "DATA_DIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.stdout == "False True\n", ended.stderr
