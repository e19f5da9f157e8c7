"""Names of processes that outlive them, and children that do not outlive their parent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bingproject.cluster.processes import is_known_dead, process_identity
from tests.rig.processes import is_alive
from tests.rig.servers import wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the kernel offers no /proc")
SAY = "from bingproject.cluster.processes import process_identity as name; print(name('here'), flush=True)"


def test_a_living_process_is_not_dead() -> None:
    """This process lives, under whatever name it is asked about."""
    assert not is_known_dead(process_identity("here"), "here")
    assert process_identity("here") != process_identity("here")  # two runs are told apart


def test_engine_rule_08_a_process_that_is_gone_is_known_dead() -> None:
    """Same host and the process gone: known at once, nobody waits for a lease."""
    ended = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True)
    assert is_known_dead(ended.stdout.strip(), "here")


def test_engine_rule_08_a_zombie_is_dead() -> None:
    """A process that ended and was not reaped yet counts as gone."""
    with subprocess.Popen([sys.executable, "-c", SAY], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        identity = process.stdout.readline().strip()
        wait_for(lambda: is_known_dead(identity, "here"), "the zombie")
        assert Path(f"/proc/{process.pid}/stat").exists()


def test_engine_rule_08_another_host_is_judged_by_its_lease() -> None:
    """Nothing is known of processes elsewhere, nor of names that say nothing."""
    ended = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, check=True)
    identity = ended.stdout.strip()
    assert not is_known_dead(identity, "there")
    host, boot, rest = identity.split("/", 2)
    assert not is_known_dead(f"{host}/{boot[::-1]}/{rest}", "here")  # the same host before its last start
    assert not is_known_dead("", "here")


def test_a_process_id_that_was_given_again_is_no_life() -> None:
    """The id lives, but it is another process than the one that was named."""
    name = process_identity("here").rsplit("/", 3)
    assert is_known_dead("/".join([name[0], str(os.getpid()), "1", "0"]), "here")


FORKS = """
import os, sys, time
from bingproject.cluster.processes import bind_forks, name_process
bind_forks()
bind_forks()
name_process("a-name-longer-than-the-kernel-keeps")
child = os.fork()
if not child:
    grandchild = os.fork()
    if grandchild:
        os.write(1, b"%d\\n" % grandchild)
    time.sleep(60)
os.write(1, b"%d\\n" % child)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_forks_end_with_their_parent() -> None:
    """kill -9 of a process ends what it forked, and what that forked."""
    with subprocess.Popen([sys.executable, "-c", FORKS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        forked = [int(process.stdout.readline()) for _ in range(2)]
        assert all(map(is_alive, forked))
        assert Path(f"/proc/{process.pid}/comm").read_text().strip() == "a-name-longer-t"
        process.kill()
        wait_for(lambda: not any(map(is_alive, forked)), "children to end")
