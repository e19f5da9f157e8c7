"""The documents keep up with the code: what exists is described, what is described exists."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from bingproject.errors import OWNER

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page for pattern in ("*.md", ".github/*.md", "docs/**/*.md", "bingproject/**/*.md") for page in ROOT.glob(pattern)
)
CONTRACTS = (ROOT / "docs/contracts.md").read_text(encoding="utf-8")
SETTINGS_SECTION = CONTRACTS.partition("\n## Settings\n")[2]
ERRORS_SECTION = CONTRACTS.partition("\n## Errors\n")[2].partition("\n## ")[0]
DJANGO_ADMIN = "admin/"  # its pages are Django's and the apps' own

# What a container is made of, not what its operator sets: address, folders, name; and the sandbox, which is `serve`'s.
OF_THE_CONTAINER = {"HOST", "PORT", "DATA_DIR", "STATIC_ROOT", "MACHINE_ID", "Q_CLUSTER_NAME", "SANDBOX"}
# compose.yaml's own: its databases and secrets; behind any proxy it must be `keys`.
OF_COMPOSE = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SEAL_KEYS", "ACCESS"}

DEPENDENCY_ROW = re.compile(r"^\| ([\w-]+) \| ([\w.]+) \| \d{4}-\d\d-\d\d \| [^|]+ \| [^|]+ \|$", re.MULTILINE)

LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
MAKE_WORD = re.compile(r"\bmake ([a-z][a-z-]*)")
DJANGO_COMMAND = re.compile(r"\bmanage\.py ([a-z][a-z_]*)")


def _routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for entry in patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path
        elif path != DJANGO_ADMIN:
            yield from _routes(entry.url_patterns, path)


def _shape(path: str) -> str:
    """A path with its parameters as stars: Django's `task/<task_id>` and the documents' `/task/:taskId` are one."""
    return "/" + re.sub(r"<[^>]+>|:[A-Za-z]\w*", "*", path).strip("/")


DOCUMENTED = {_shape(path) for path in re.findall(r"(?<![\w.])(/[\w/.:-]*)", CONTRACTS)}


def _setting_names() -> set[str]:
    """Every name that settings.py asks one of the environment's readers for."""
    tree = ast.parse((ROOT / "bingproject/settings.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    readers = [
        call
        for call in calls
        if (
            isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == "env"
        )
        or (isinstance(call.func, ast.Name) and call.func.id == "_secret")
    ]
    return {str(call.args[0].value) for call in readers if isinstance(call.args[0], ast.Constant)}


def _make_words() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, made the way GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_each_route_is_documented() -> None:
    """A path that Django knows stands in docs/contracts.md."""
    routes = {_shape(route) for route in _routes(get_resolver().url_patterns)}
    assert routes
    assert not routes - DOCUMENTED


def test_each_documented_route_exists() -> None:
    """A path that docs/contracts.md gives as `METHOD /path` is one that Django knows."""
    routes = {_shape(route) for route in _routes(get_resolver().url_patterns)}
    promised = {_shape(path) for path in re.findall(r"(?:GET|POST|DELETE) (/[\w/:-]*)", CONTRACTS)}
    assert promised
    assert not promised - routes


def test_each_setting_is_documented() -> None:
    """A variable that settings.py reads has its place in the table, and the table has no other."""
    described = set(
        re.findall(r"`([A-Z][A-Z0-9_]+)`", "\n".join(re.findall(r"^\| (`[^|]+) \|", SETTINGS_SECTION, re.M)))
    )
    assert described == _setting_names()


def test_each_setting_reaches_the_containers() -> None:
    """What stands in the table and can be set there is passed on by compose.yaml, under its own name."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    given: dict[str, str] = services["prepare"]["environment"]
    passed = {name for name, value in given.items() if value.startswith(f"${{{name}:")}
    assert passed == _setting_names() - OF_THE_CONTAINER - OF_COMPOSE
    assert {name.removesuffix("_FILE") for name in given.keys() - passed} == OF_COMPOSE
    # These two are used up by the first step; whatever else it is given, all parts are.
    everywhere = {name: value for name, value in given.items() if name not in {"ADMIN_PASSWORD_FILE", "BING_COOKIE_U"}}
    assert services["web"]["environment"] == services["worker"]["environment"] == everywhere


def test_nothing_is_said_twice_in_the_containers_file() -> None:
    """Docker refuses a file in which a mapping has a key twice; Python's reader takes the last one."""
    root = yaml.compose((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    waiting, twice = [root], []
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value]
            twice += [name for name in set(names) if names.count(name) > 1]
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
    assert not twice


def test_containers_keep_secrets_and_limits() -> None:
    """No secret stands in an environment, every part is limited, and web has longer than its own time-out to stop."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for service in services.values():
        assert not {"DATABASE_URL", "SECRET_KEY", "SEAL_KEYS", "POSTGRES_PASSWORD"} & set(
            service.get("environment", {})
        )
        assert service["mem_limit"] and service["pids_limit"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    graceful = re.search(r'"--timeout-graceful-shutdown", "(\d+)"', dockerfile)
    assert graceful and int(services["web"]["stop_grace_period"].removesuffix("s")) >= int(graceful[1]) + 5


def test_each_error_code_is_documented() -> None:
    """A code of the closed list stands in the table of errors, and no other does there."""
    described = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", ERRORS_SECTION))
    assert set(OWNER) <= described
    assert {word for word in described - set(OWNER) if not word.endswith("_error")} == {"type", "code"}


def test_decisions_are_numbered() -> None:
    """Each decision has the next number and a status, and every reference to a number has an entry."""
    page = (ROOT / "docs/decisions.md").read_text(encoding="utf-8")
    entries = re.findall(r"^### (\d+)\. .+\n\*Status: (?:accepted|superseded by|rejected)\b.*\*$", page, re.MULTILINE)
    numbers = [int(number) for number in entries]
    assert numbers == list(range(1, page.count("\n### ") + 1))
    sources = [
        *PAGES,
        *(path for app in ("accounts", "bingproject", "chat", "creator") for path in ROOT.glob(f"{app}/**/*.py")),
    ]
    references = re.compile(r"docs/decisions\.md, (\d+)|\[decision (\d+)\]", re.IGNORECASE)
    found = [match for path in sources for match in references.findall(path.read_text(encoding="utf-8"))]
    assert found and {int(first or second) for first, second in found} <= set(numbers)


def test_readme_stays_short() -> None:
    """The README leads to the pages; its chat snippets are those of docs/chat.md, which a test runs."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) < 220
    section = readme.partition("\n## Chat\n")[2].partition("\n## ")[0]
    snippets = re.findall(r"^```.*?^```", section, re.MULTILINE | re.DOTALL)
    page = (ROOT / "docs/chat.md").read_text(encoding="utf-8")
    assert snippets and all(snippet in page for snippet in snippets)


def _requirement_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}


def _pinned() -> dict[str, str]:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w-]+)(?:\[\w+\])?==([\w.]+)", text, re.MULTILINE))


def test_each_dependency_is_explained() -> None:
    """Each part of docs/dependencies.md has the packages of its group in pyproject.toml, in the pinned version."""
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    _, server, sandbox, tests = page.split("\n## ")
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = pyproject["dependency-groups"]
    expected = (
        (server, pyproject["project"]["dependencies"]),
        (sandbox, groups["demo"]),
        (tests, groups["test"] + groups["dev"]),
    )
    for section, requirements in expected:
        rows = {name.lower(): version for name, version in DEPENDENCY_ROW.findall(section)}
        assert rows.keys() == _requirement_names(requirements)
        assert rows.items() <= _pinned().items()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    """`make word` and `manage.py command` in a page are words of the Makefile and commands that Django finds."""
    code = "\n".join(CODE.findall(page.read_text(encoding="utf-8")))
    assert set(MAKE_WORD.findall(code)) <= _make_words()
    assert set(DJANGO_COMMAND.findall(code)) <= set(get_commands())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    """A link or picture inside the project leads to a file, and its anchor to a heading there."""
    broken = []
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken
