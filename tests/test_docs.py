"""The documents keep up with the code: what exists is described, what is described exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands
from django.urls import URLPattern, URLResolver, get_resolver

from bingproject.errors import OWNER

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bingproject/**/*.md")])
CONTRACTS = (ROOT / "docs/contracts.md").read_text(encoding="utf-8")
SETTINGS_SECTION = CONTRACTS.partition("\n## Settings\n")[2]
ERRORS_SECTION = CONTRACTS.partition("\n## Errors\n")[2].partition("\n## ")[0]
DJANGO_ADMIN = "admin/"  # its pages are Django's and the apps' own

# What a container is made of, not what its operator sets: address, folders, name; and the sandbox, which is `serve`'s.
OF_THE_CONTAINER = {"HOST", "PORT", "DATA_DIR", "STATIC_ROOT", "MACHINE_ID", "Q_CLUSTER_NAME", "SANDBOX"}
# compose.yaml's own: its databases and secrets; behind any proxy it must be `keys`.
OF_COMPOSE = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SEAL_KEYS", "ACCESS"}

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


def test_each_error_code_is_documented() -> None:
    """A code of the closed list stands in the table of errors, and no other does there."""
    described = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", ERRORS_SECTION))
    assert set(OWNER) <= described
    assert {word for word in described - set(OWNER) if not word.endswith("_error")} == {"type", "code"}


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
