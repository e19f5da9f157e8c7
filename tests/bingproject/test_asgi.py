"""The way in as a server imports it: one application, one line when a setting is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bingproject.asgi import application
from bingproject.gate import Gate

ROOT = Path(__file__).resolve().parents[2]


def test_is_the_gate() -> None:
    """What servers import stands before Django."""
    assert isinstance(application, Gate)


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    """The import ends with a line that names the variable, without a stack."""
    environment = {**os.environ, "PORT": "many", "DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", "import bingproject.asgi"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("bingproject cannot start: PORT must be")
    assert ended.stderr.count("\n") == 1
