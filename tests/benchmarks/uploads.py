"""A HAR on its whole way: posted to the page of a new account as a browser does, until the page's answer is there."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.benchmarks.builds import Build, both_builds
from tests.benchmarks.figures import Figure
from tests.benchmarks.pastes import MEBIBYTES, QUICK_MEBIBYTES, comparison, make_har
from tests.benchmarks.sampling import MEBIBYTE, pids_of
from tests.rig.processes import exact_cpu_seconds
from tests.rig.system import Plan, System

RUNS, QUICK_RUNS = 5, 1
MIXES = ("pages", "pages in ASCII")
OPERATOR = "operator"
_ADD = "/admin/accounts/account/add/"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Cost(NamedTuple):
    """What an upload cost the web process: CPU, and how much larger it was at its peak."""

    seconds: float
    grown_bytes: float


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """Both builds run at once and take turns; of several uploads the cheapest counts, and the highest peak."""
    figures: list[Figure] = []
    with ExitStack() as stack:
        servers = {build.suffix: stack.enter_context(_started(database, build)) for build in both_builds()}
        for size in QUICK_MEBIBYTES if is_quick else MEBIBYTES:
            for mix in MIXES:
                content = make_har("bing", mix, size * MEBIBYTE).encode()
                costs: dict[str, list[Cost]] = {suffix: [] for suffix in servers}
                for number in range(QUICK_RUNS if is_quick else RUNS):
                    for suffix, (browser, web, resident) in servers.items():
                        costs[suffix].append(_cost(browser, web, resident, f"{size} {mix} {number}", content))
                seconds = {suffix: min(cost.seconds for cost in tries) for suffix, tries in costs.items()}
                most = {suffix: max(cost.grown_bytes for cost in tries) for suffix, tries in costs.items()}
                group = f"upload of a HAR of {size} MiB, {mix}"
                figures += comparison(database, group, seconds, most, len(content))
    return figures


@contextmanager
def _started(database: str, build: Build) -> Iterator[tuple[httpx.Client, int, int]]:
    """A server with an operator who is logged in and has uploaded once: their browser, the web process's id
    and its resident KiB then, since memory that an upload leaves behind is the upload's, too.
    """
    with System(Plan(database, accounts=1, root=build.root, python=build.python)) as system:
        password = secrets.token_urlsafe(16)
        system.manage(
            "createsuperuser", "--noinput", "--username", OPERATOR, "--email", "", DJANGO_SUPERUSER_PASSWORD=password
        )
        system.start()
        [web] = pids_of(system, "bp-web")
        with httpx.Client(base_url=system.url, timeout=120, trust_env=False, headers={"Origin": system.url}) as browser:
            _send(browser, "/admin/login/", {"username": OPERATOR, "password": password})
            _upload(browser, "first", make_har("bing", "pages", MEBIBYTE // 4).encode())  # loads what is loaded once
            yield browser, web, _kibibytes(web, "VmRSS")


def _cost(browser: httpx.Client, web: int, resident: int, name: str, content: bytes) -> Cost:
    Path(f"/proc/{web}/clear_refs").write_text("5")  # from here on the peak is counted
    cpu = exact_cpu_seconds([web])
    _upload(browser, name, content)
    return Cost(exact_cpu_seconds([web]) - cpu, (_kibibytes(web, "VmHWM") - resident) * 1024)


def _upload(browser: httpx.Client, name: str, content: bytes) -> None:
    fields = {"kind": "bing", "name": name, "is_enabled": "on"}
    answer = _send(browser, _ADD, fields, {"cookies_file": ("bing.har", content, "application/json")})
    if answer.status_code != 302:
        raise RuntimeError(f"the account's page answered {answer.status_code}")


def _send(
    browser: httpx.Client, path: str, fields: dict[str, str], files: dict[str, tuple[str, bytes, str]] | None = None
) -> httpx.Response:
    """Open the page and send its form."""
    token = _TOKEN.search(browser.get(path).text)
    if token is None:
        raise RuntimeError(f"{path} has no form")
    return browser.post(path, data=fields | {"csrfmiddlewaretoken": token[1]}, files=files)


def _kibibytes(pid: int, name: str) -> int:
    """A figure of a process's memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
