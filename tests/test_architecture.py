"""The house as code: who may import whom, what each module's test is called, how long things may be.

The tables stand at the top: a new app or module is one line. docs/architecture.md says why.
"""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "creator", "chat")  # bingproject is what they stand on and what joins them

# An app's rows, top to bottom; a row uses those below it, and its own.
EDGE, DECISIONS, OUTSIDE, PURE, GROUND = range(4, -1, -1)
ROOF = 5
ROWS = {
    "urls": EDGE, "views": EDGE, "serializers": EDGE, "admin": EDGE, "jobs": EDGE, "apps": EDGE, "management": EDGE,
    "schema": EDGE, "authentication": EDGE, "permissions": EDGE, "throttling": EDGE,
    "services": DECISIONS, "leases": DECISIONS, "runner": DECISIONS, "watcher": DECISIONS, "ledger": DECISIONS,
    "limits": DECISIONS,
    "client": OUTSIDE, "programs": OUTSIDE, "models": OUTSIDE, "migrations": OUTSIDE,
    "protocol": PURE, "tokens": PURE, "timing": PURE, "examples": PURE, "openai_format": PURE,
}  # fmt: skip
# What of bingproject joins the apps; all the rest of it is ground, which knows no app.
ROOF_MODULES = {"settings", "urls", "asgi", "cluster", "apps", "checks", "management", "jobs"}
# Which other app an app may use.
MAY_USE = {"accounts": set[str](), "creator": {"accounts"}, "chat": {"accounts"}}
# Beside each other: neither knows the other.
STRANGERS = ({"client", "models"},)
PURE_LIBRARIES = {"selectolax", "msgspec"}
# Of the standard library pure code leaves these alone: what they say differs from one call to the next.
IMPURE = {"asyncio", "logging", "os", "random", "secrets", "socket", "threading", "time"}
# Of the ground pure code uses what is pure itself: the tree of errors, and how HTTP's headers are read.
PURE_GROUND = {"bingproject.errors", "bingproject.response_headers"}
PURE_FIRST_PARTY = {*PURE_GROUND, "accounts.tokens", "chat.protocol.events"}
SANDBOX = "bingproject.sandbox"
SANDBOX_USERS = {"bingproject.management.commands.sandbox"}
SETTINGS_MAY_USE = {"bingproject.environment", "bingproject.fixed_settings"}

MODULE_LINES, FUNCTION_LINES, VIEW_LINES, JOB_LINES = 400, 40, 15, 8
NO_TEST_OF_THEIR_OWN = {"__init__.py", "__main__.py", "apps.py"}
DOCUMENTED = {"protocol", "client", "services"}  # every public function says what it does


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path): path for package in (*APPS, "bingproject") for path in sorted((ROOT / package).rglob("*.py"))}
TEST_FILES = {_name(path): path for path in sorted((ROOT / "tests").rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in (FILES | TEST_FILES).items()}
SOURCES = [name for name in FILES if ".migrations" not in name]


def _imported(node: ast.AST) -> list[str]:
    """The modules a statement imports; `from package import module` counts as the module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        inner = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in TREES]
        return inner or [base]
    return []


def _imports(name: str) -> list[str]:
    return [module for node in ast.walk(TREES[name]) for module in _imported(node)]


def _app(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def _is_ours(name: str) -> bool:
    return _app(name) in {*APPS, "bingproject"}


def _part(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _row(name: str) -> int:
    if _app(name) == "bingproject":
        return ROOF if _part(name) in ROOF_MODULES else GROUND
    return ROWS.get(_part(name), EDGE) if _part(name) else GROUND


def _breach(user: str, used: str) -> str:
    """Why `user` may not import `used`; empty when it may."""
    if _row(used) > _row(user):
        return "imports point down"
    if _row(user) == ROOF or _app(used) == "bingproject":
        return ""
    if _app(user) != _app(used) and _app(used) not in MAY_USE[_app(user)]:
        return f"{_app(user)} does not know {_app(used)}"
    if any({_part(user), _part(used)} == pair for pair in STRANGERS):
        return "they do not know each other"
    return ""


def _is_pure_library(top: str) -> bool:
    return top in PURE_LIBRARIES or (top in sys.stdlib_module_names and top not in IMPURE)


def _functions(name: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(TREES[name]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _public(name: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Module-level functions and methods that do not begin with an underscore."""
    owners: list[ast.Module | ast.ClassDef] = [
        TREES[name],
        *(n for n in TREES[name].body if isinstance(n, ast.ClassDef) and n.name[0] != "_"),
    ]
    return [node for owner in owners for node in owner.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_"]  # fmt: skip


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    first = node.body[0]
    docstring = 0 if ast.get_docstring(node) is None else (first.end_lineno or 0) - first.lineno + 1
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def test_each_module_has_a_row() -> None:
    """A module whose name is in no table fails here, so that its place is decided and not drifted into."""
    unknown = [name for name in FILES if _app(name) in APPS and _part(name) and _part(name) not in ROWS]
    assert not unknown


def test_imports_point_down() -> None:
    """A row uses the rows below it: in its own app, in an app it may know, in the ground."""
    breaches = [
        f"{user} -> {used}: {_breach(user, used)}"
        for user in FILES
        for used in _imports(user)
        if _is_ours(used) and _breach(user, used)
    ]
    assert not breaches


def test_no_rings() -> None:
    """No module reaches itself through its imports."""
    graph = {name: {used for used in _imports(name) if used in FILES and used != name} for name in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_detours() -> None:
    """No first-party import hides inside a function or behind TYPE_CHECKING."""
    hidden = [
        f"{name}.{function.name} -> {used}"
        for name in FILES
        for function in _functions(name)
        for node in ast.walk(function)
        for used in _imported(node)
        if _is_ours(used)
    ]
    detours = [name for name, path in FILES.items() if "TYPE_CHECKING" in path.read_text(encoding="utf-8")]
    assert not hidden + detours


def test_pure_modules_stay_pure() -> None:
    """Protocol code uses the standard library, two decoders and pure ground: no clock, no network, no Django."""
    import_sets = {name: set(_imports(name)) for name in FILES if _row(name) == PURE or name in PURE_GROUND}
    impure = [
        f"{name} -> {used}"
        for name, imports in import_sets.items()
        for used in imports - PURE_FIRST_PARTY
        if not (_is_in(used, ".".join(name.split(".")[:2])) or _is_pure_library(_app(used)))
    ]
    assert import_sets
    assert not impure


def test_sandbox_stands_alone() -> None:
    """The sandbox imports nothing of ours, and only its command imports it: it must be able to disagree with us."""
    inside = [name for name in FILES if _is_in(name, SANDBOX)]
    out = [
        f"{name} -> {used}"
        for name in inside
        for used in _imports(name)
        if _is_ours(used) and not _is_in(used, SANDBOX)
    ]
    users = {name for name in FILES if name not in inside for used in _imports(name) if _is_in(used, SANDBOX)}
    assert not out
    assert users <= SANDBOX_USERS


def test_settings_import_no_app() -> None:
    """Settings read the environment and nothing else of ours."""
    assert {used for used in _imports("bingproject.settings") if _is_ours(used)} <= SETTINGS_MAY_USE


def test_each_module_has_its_test() -> None:
    """tests/ mirrors the tree: accounts/services.py has tests/accounts/test_services.py."""
    missing = []
    for name in SOURCES:
        path = FILES[name]
        mirror = path.relative_to(ROOT).with_name(f"test_{path.name}")
        if path.name not in NO_TEST_OF_THEIR_OWN and not (ROOT / "tests" / mirror).exists():
            missing.append(f"tests/{mirror}")
    assert not missing


def test_sizes() -> None:
    """Modules, functions, view methods and jobs stay short enough to be read at once."""
    long = [
        f"{name}: {len(lines)} lines"
        for name, path in (FILES | TEST_FILES).items()
        if len(lines := path.read_text(encoding="utf-8").splitlines()) > MODULE_LINES
    ]
    limits = {"views": VIEW_LINES, "jobs": JOB_LINES}
    for name in (*SOURCES, *TEST_FILES):
        limit = limits.get(name.rsplit(".", maxsplit=1)[-1], FUNCTION_LINES)
        long += [f"{name}.{f.name}: {_length(f)} lines" for f in _functions(name) if _length(f) > limit]
    assert not long


def test_docstrings() -> None:
    """Modules, the public functions of protocol, client and services, and all tests say in a sentence what happens."""
    modules = [name for name in (*SOURCES, *TEST_FILES) if TREES[name].body and not ast.get_docstring(TREES[name])]
    public = [name for name in SOURCES if _app(name) in APPS and _part(name) in DOCUMENTED]
    silent = [f"{name}.{f.name}" for name in public for f in _public(name) if not ast.get_docstring(f)]
    silent += [
        f"{name}.{function.name}"
        for name in TEST_FILES
        for function in _functions(name)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert not modules + silent
