"""System checks: settings that contradict each other are found, the ones we ship are not among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as shipped
from django.core.checks import run_checks

from bingproject.conf import checks
from bingproject.conf.environment import new_secret_key
from tests.bingproject.cluster.clusters import manage
from tests.rig.parts import ROOT


def found(**options: Any) -> list[str]:
    """The ids of what our checks find now."""
    return sorted({message.id or "" for message in run_checks(tags=[checks.TAG], **options)})


def test_what_we_ship_is_right() -> None:
    """The project's own settings pass."""
    assert found() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"timeout": 430}, ["bingproject.E001"]),
        ({"timeout": 330}, ["bingproject.E001"]),
        ({"retry": 360}, ["bingproject.E001"]),
        ({"timeout": None}, ["bingproject.E001"]),
        ({"cluster_name": "bingproject"}, ["bingproject.E003"]),
        ({"cluster_name": None}, ["bingproject.E003"]),
        ({"cluster_name": "bingproject-another"}, ["bingproject.E003"]),
        ({"workers": 2, "queue_limit": 2}, ["bingproject.E004"]),
        ({"queue_limit": 1}, ["bingproject.E004"]),
        ({"ack_failures": False}, ["bingproject.E005"]),
        ({"max_attempts": 0}, ["bingproject.E005"]),
        ({"save_limit": 250}, ["bingproject.E005"]),
        ({"scheduler": True}, ["bingproject.E005"]),
        ({"orm": None}, ["bingproject.E006"]),
        ({"redis": "redis://x"}, ["bingproject.E006"]),
    ],
)
def test_engine_rule_10_queue_figures(settings: Any, change: dict[str, Any], expected: list[str]) -> None:
    """timeout < retry, both longer than a slice, and no other figure that the engine cannot work with."""
    settings.Q_CLUSTER = {**shipped.Q_CLUSTER, "orm": "default", "redis": None} | change
    assert found() == expected


@pytest.mark.slow
def test_engine_rule_10_follows_the_upstream_timeout(tmp_path: Path) -> None:
    """An operator who gives Bing more time gives the runner's job more time, too: nothing has to be set besides."""
    assert manage(tmp_path, "check", "--tag", checks.TAG, UPSTREAM_TIMEOUT_SECONDS="200").returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"transaction_mode": "DEFERRED", "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"},
        {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"},
        {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA synchronous=FULL;"},
    ],
)
def test_engine_rule_02_sqlite(options: dict[str, str]) -> None:
    """SQLite without IMMEDIATE, WAL or FULL is refused."""
    faults = checks.sqlite_faults({"default": {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": options}})
    assert [fault.id for fault in faults] == ["bingproject.E002"]


def test_engine_rule_02_other_databases_are_left_alone() -> None:
    """PostgreSQL has no such options."""
    assert checks.sqlite_faults({"default": {"ENGINE": "django.db.backends.postgresql"}}) == []


def test_names_that_lead_nowhere(settings: Any) -> None:
    """A question or job that does not exist is found before the watchdog asks for it."""
    settings.CLUSTER_NUDGES = [("bingproject.jobs.nowhere", "bingproject.jobs.canary")]
    assert found() == ["bingproject.E007"]
    settings.CLUSTER_NUDGES = []
    settings.CLUSTER_PERIODIC = {"nowhere.jobs.canary": 5}
    assert found() == ["bingproject.E007"]
    settings.CLUSTER_PERIODIC = {}
    settings.ALERT_CAUSES = ["accounts.microsoft.services.nothing"]
    assert found() == ["bingproject.E007"]


def test_the_sandbox_is_not_for_deployment(settings: Any) -> None:
    """`check --deploy` refuses SANDBOX=1; without --deploy nobody minds."""
    settings.SANDBOX = True
    assert found() == []
    assert found(include_deployment_checks=True) == ["bingproject.E008"]


@pytest.mark.slow
def test_check_deploy_by_the_command(tmp_path: Path) -> None:
    """The command an operator runs says so, too."""
    refused = manage(tmp_path, "check", "--deploy", "--tag", checks.TAG, SANDBOX="1")
    assert refused.returncode == 1
    assert "bingproject.E008" in refused.stderr


def documented_settings() -> dict[str, str]:
    """What docs/operations.md has a server behind a proxy set."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    block = text.partition("## Behind a proxy")[2].partition("```sh\n")[2].partition("```")[0]
    return dict(line.split("=", 1) for line in block.splitlines())


@pytest.mark.slow
def test_check_deploy_has_nothing_against_the_documented_settings(tmp_path: Path) -> None:
    """As an operator runs it, warnings counted as failures; without TLS it does warn, so it does look."""
    documented = documented_settings()
    assert set(documented) == {"ACCESS", "PUBLIC_URL", "TRUSTED_PROXIES"}
    plain = {"SECRET_KEY": new_secret_key(), "DJANGO_SETTINGS_MODULE": "bingproject.settings"}
    command = ("check", "--deploy", "--fail-level", "WARNING")
    clean = manage(tmp_path, *command, **(plain | documented))
    assert (clean.returncode, clean.stdout) == (0, "System check identified no issues (3 silenced).\n"), clean.stderr
    bare = manage(tmp_path, *command, **plain)
    assert bare.returncode == 1 and "security.W012" in bare.stderr
