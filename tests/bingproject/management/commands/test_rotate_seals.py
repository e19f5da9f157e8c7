"""A new seal key from beginning to end with real processes: added last, moved first, everything encrypted again."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bingproject.conf.environment import new_seal_key
from bingproject.security.encryption import fingerprint
from tests.bingproject.cluster.clusters import SECONDS, ClusterRun, environment, manage
from tests.rig.parts import Part
from tests.rig.servers import free_port, is_listening, wait_for

pytestmark = pytest.mark.slow
OLD, NEW = new_seal_key(), new_seal_key()
SETTINGS = {"DJANGO_SETTINGS_MODULE": "bingproject.settings"}
MAKE_ACCOUNT = (
    "from django.utils import timezone; from accounts.models import Account; "
    "account, _ = Account.objects.get_or_create(name='{name}'); "
    "account.rotate({{'_U': '{name}-value'}}, timezone.now())"
)
READ_ACCOUNTS = "from accounts.models import Account; print(*[one.cookies['_U'] for one in Account.objects.all()])"
WRITE_ON = (
    "from django.utils import timezone; from accounts.models import Account; import pathlib, sys\n"
    "while not pathlib.Path('{stop}').exists():\n"
    "    for account in Account.objects.all(): account.save_session('A' * 32, {{'SEEN': 'now'}}, timezone.now())"
)


def shell(folder: Path, keys: str, code: str) -> str:
    """What a piece of code prints, in a process with these keys."""
    done = manage(folder, "shell", "--verbosity", "0", "-c", code, SEAL_KEYS=keys, **SETTINGS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def web(folder: Path, keys: str) -> Iterator[Part]:
    """A web process as on several machines: uvicorn alone."""
    port = free_port()
    command = [
        sys.executable, "-m", "uvicorn", "bingproject.asgi:application", "--port", str(port), "--lifespan", "on",
        "--http", "bingproject.edge.http_protocol:GuardedHttpProtocol", "--ws", "none", "--no-access-log",
        "--log-level", "warning",
    ]  # fmt: skip
    settings = environment(folder, SEAL_KEYS=keys, PORT=str(port), **SETTINGS)
    part = Part(f"web-{port}", command, settings, folder / "web.log", str(folder))
    part.start()
    try:
        wait_for(lambda: is_listening(port) or not part.pid, "the web process", SECONDS)
        assert part.pid, (folder / "web.log").read_text()
        yield part
    finally:
        part.stop()


def roles(folder: Path) -> list[str]:
    """Which processes say that they live."""
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        return sorted(role for (role,) in database.execute("SELECT role FROM bingproject_liveprocess"))


def needed_keys(folder: Path) -> list[str]:
    """Without which no process may start."""
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        ((found,),) = database.execute("SELECT seal_keys FROM bingproject_installation")
        return list(json.loads(found))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A migrated database with two accounts encrypted with the old key."""
    assert manage(tmp_path, "migrate", "--verbosity", "0", SEAL_KEYS=OLD, **SETTINGS).returncode == 0
    for name in ("anna", "bert"):
        shell(tmp_path, OLD, MAKE_ACCOUNT.format(name=name))
    return tmp_path


def rotate(folder: Path, keys: str) -> tuple[int, str]:
    """The command with these keys: exit code and all it said."""
    done = manage(folder, "rotate_seals", SEAL_KEYS=keys, **SETTINGS)
    assert OLD not in done.stdout + done.stderr and NEW not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_whole_procedure(folder: Path) -> None:
    """Two steps and the command, with web and cluster running all the while; in the end the old key is not needed."""
    # Step one, process by process: the cluster knows the new key, the web process does not yet.
    with web(folder, OLD), ClusterRun(folder, log="one", SEAL_KEYS=f"{OLD},{NEW}"):
        wait_for(lambda: roles(folder) == ["cluster", "web"], "both to be seen", SECONDS)
        code, said = rotate(folder, f"{NEW},{OLD}")
        assert code == 1
        assert "Nothing was changed: web process" in said and "cannot open the newest key" in said
        assert shell(folder, OLD, READ_ACCOUNTS) == "anna-value bert-value\n"
        assert needed_keys(folder) == [fingerprint(OLD)]
    # Step two, process by process: the web process writes with the new key, the cluster only reads with it.
    with web(folder, f"{NEW},{OLD}"), ClusterRun(folder, log="two", SEAL_KEYS=f"{OLD},{NEW}"):
        wait_for(lambda: roles(folder) == ["cluster", "web"], "both to be seen", SECONDS)
        code, said = rotate(folder, f"{OLD},{NEW}")
        assert code == 1 and "is an older key" in said
        code, said = rotate(folder, f"{NEW},{OLD}")
        assert code == 1 and "Not done: cluster process" in said
        assert "accounts.Account.encrypted_cookies: 2 encrypted again" in said
    # Both write with it; something writes all the while.
    with web(folder, f"{NEW},{OLD}"), ClusterRun(folder, log="three", SEAL_KEYS=f"{NEW},{OLD}"):
        shell(folder, f"{OLD},{NEW}", MAKE_ACCOUNT.format(name="cleo"))
        stop = folder / "stop"
        writer = threading.Thread(target=shell, args=(folder, f"{NEW},{OLD}", WRITE_ON.format(stop=stop)))
        writer.start()
        code, said = rotate(folder, f"{NEW},{OLD}")
        stop.touch()
        writer.join()
        assert code == 0, said
        assert "accounts.Account.encrypted_cookies: 1 encrypted again" in said
        assert f"Under key {fingerprint(OLD)}: 0" in said
        assert "Done: the older keys may be taken out of SEAL_KEYS." in said
    # The old key goes.
    with web(folder, NEW), ClusterRun(folder, log="four", SEAL_KEYS=NEW):
        assert shell(folder, NEW, READ_ACCOUNTS) == "anna-value bert-value cleo-value\n"
    assert needed_keys(folder) == [fingerprint(NEW)]
    refused = manage(folder, "cluster", SEAL_KEYS=OLD, **SETTINGS)
    assert refused.returncode == 1 and "SEAL_KEYS lacks a key" in refused.stderr
    assert "web" not in roles(folder)


def test_what_no_key_opens_is_told_and_left(folder: Path) -> None:
    """A text encrypted with a key that is not there any more: counted, the old keys stay needed, exit code 1."""
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database, database:
        database.execute("UPDATE accounts_account SET encrypted_jar = 'damaged' WHERE name = 'anna'")
    code, said = rotate(folder, f"{NEW},{OLD}")
    assert code == 1
    assert "Under keys that are not in SEAL_KEYS: 1, left as they are" in said
    assert f"Under key {fingerprint(NEW)} (newest): 2" in said
    assert "Done" not in said
