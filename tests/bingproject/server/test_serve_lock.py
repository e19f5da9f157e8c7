"""One server for each DATA_DIR, for as long as its process lives."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bingproject.conf.environment import SettingError
from bingproject.server.serve_lock import take_lock

HOLDER = """
import os, sys, time
from pathlib import Path
from bingproject.server.serve_lock import take_lock
take_lock(Path(sys.argv[1]), 7870)
if not os.fork():  # a service: it may live on for a moment
    time.sleep(600)
print("locked", flush=True)
time.sleep(600)
"""


def test_a_second_server_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    """The line has process and port; once the process is gone, forks or not, the folder is free."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            line = f"This DATA_DIR ({tmp_path}) is in use by process {holder.pid} on port 7870: "
            with pytest.raises(SettingError) as refusal:
                take_lock(tmp_path, 7880)
            assert str(refusal.value).startswith(line)
            holder.kill()
            holder.wait()
            os.close(take_lock(tmp_path, 7880))
        finally:
            os.killpg(holder.pid, signal.SIGKILL)


def test_a_file_system_without_locks_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server starts, and says what it cannot see to."""

    def refuse(*_arguments: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    os.close(take_lock(tmp_path, 7870))
    assert f"DATA_DIR ({tmp_path}) cannot be locked" in caplog.text
