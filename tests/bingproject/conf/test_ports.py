"""Ports are taken, or refused in one line that helps; they are tried before anything is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bingproject.conf import ports
from tests.rig.servers import free_port

ROOT = Path(__file__).resolve().parents[3]


def _try_ports(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run the check without site-packages, as a system's Python that has none."""
    kept = {name: value for name, value in os.environ.items() if name not in ("HOST", "PORT", "SANDBOX")}
    return subprocess.run(
        [sys.executable, "-S", "-m", "bingproject.conf.ports"],
        cwd=ROOT, env=kept | variables, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_the_port_that_is_suggested_is_free() -> None:
    """What the line names instead can be had together with the next one."""
    with closing(ports.take_port("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        with pytest.raises(ports.PortError) as refusal:
            ports.take_port("127.0.0.1", taken)
    suggested = int(str(refusal.value).rpartition("PORT=")[2].rstrip("."))
    ports.take_port("127.0.0.1", suggested).close()
    ports.take_port("127.0.0.1", suggested + 1).close()


def test_a_free_port_passes_without_any_package() -> None:
    """The system's Python has none: the check needs the standard library only."""
    ran = _try_ports(PORT=str(free_port()))
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_taken_port_is_one_line_before_anything_is_installed() -> None:
    """The port is the one that was asked for."""
    with closing(ports.take_port("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ran = _try_ports(PORT=str(port))
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"bingproject cannot start: PORT {port} on 127.0.0.1 cannot be used (")
    assert ran.stderr.count("\n") == 1


def test_the_sandbox_s_port_is_called_so() -> None:
    """Nobody asked for PORT + 1: the line says whose it is, and suggests another PORT."""
    first = free_port()
    with closing(ports.take_port("127.0.0.1", first + 1)):
        ran = _try_ports(PORT=str(first), SANDBOX="1")
        without_sandbox = _try_ports(PORT=str(first))
    assert ran.stderr.startswith(
        f"bingproject cannot start: The sandbox's port {first + 1} (PORT + 1) on 127.0.0.1 cannot be used ("
    )
    assert int(ran.stderr.rpartition("PORT=")[2].strip().rstrip(".")) not in (first, first + 1)
    assert (ran.returncode, without_sandbox.returncode) == (1, 0)


@pytest.mark.parametrize("port", ["none", "0", "70000"])
def test_a_wrong_port_is_left_to_the_settings(port: str) -> None:
    """They have the message for it."""
    ran = _try_ports(PORT=port)
    assert (ran.returncode, ran.stderr) == (0, "")
