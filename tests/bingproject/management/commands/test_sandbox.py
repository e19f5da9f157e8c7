"""`manage.py sandbox`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command

from bingproject.sandbox.server import SandboxServer

ROOT = Path(__file__).parents[4]


@pytest.mark.slow
def test_it_serves_until_told_to_stop() -> None:
    """It says where, answers as a sandbox, and ends on SIGTERM."""
    command = [sys.executable, "manage.py", "sandbox", "--port", "0", "--image-seconds", "1-2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[2]
            assert httpx.get(f"{url}/images/create").headers["x-sandbox"] == "1"
            process.send_signal(signal.SIGTERM)
            process.wait(10)
        finally:
            process.kill()


def test_a_taken_port_is_a_command_error() -> None:
    """Django shows it as one line."""
    with SandboxServer() as server, pytest.raises(CommandError, match=f"port {server.port}"):
        call_command("sandbox", port=server.port)
