"""The house as code: who may import whom, what each module's test is called, how long things may be.

The tables stand at the top: a new app or module is one line. docs/architecture.md says why.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("accounts", "creator", "chat")  # bingproject is what they stand on and what joins them

# Rows from top to bottom; a row uses those below it, and its own.
ROOF, OPERATORS, EDGE, DECISIONS, MACHINERY, OUTSIDE, PURE, GROUND = range(7, -1, -1)
# The folders and modules of bingproject. Machinery stands between: services ask it for jobs, locks and alerts, and it
# knows no app.
PROJECT_ROWS = {
    "settings": ROOF, "urls": ROOF, "asgi": ROOF, "apps": ROOF, "jobs": ROOF, "management": ROOF, "server": ROOF,
    "operators": OPERATORS,
    "edge": EDGE, "api": EDGE,
    "cluster": MACHINERY, "alerts": MACHINERY,
    "errors": GROUND, "models": GROUND, "migrations": GROUND, "conf": GROUND, "database": GROUND, "upstream": GROUND,
    "security": GROUND,
}  # fmt: skip
SANDBOX = "bingproject.sandbox"  # in no row: nothing of ours is above or below it
# The folders and modules of each app; the longest name that fits decides.
APP_ROWS = {
    "accounts": {
        "apps": EDGE, "jobs": EDGE, "admin": EDGE, "management": EDGE, "callers": EDGE,
        "callers.services": DECISIONS, "callers.limits": DECISIONS, "callers.validation": DECISIONS,
        "callers.key_format": PURE, "uploads": DECISIONS,
        "microsoft": DECISIONS, "microsoft.client": OUTSIDE, "microsoft.token_commands": OUTSIDE,
        "microsoft.protocol": PURE, "microsoft.providers": PURE,
        "microsoft.access_tokens": PURE, "models": OUTSIDE, "migrations": OUTSIDE,
    },
    "creator": {
        "apps": EDGE, "jobs": EDGE, "admin": EDGE, "api": EDGE, "api.examples": PURE,
        "services": DECISIONS, "engine": DECISIONS, "engine.poll_schedule": PURE,
        "client": OUTSIDE, "models": OUTSIDE, "migrations": OUTSIDE, "protocol": PURE,
    },
    "chat": {
        "apps": EDGE, "jobs": EDGE, "admin": EDGE, "api": EDGE, "services": DECISIONS,
        "services.retry_policy": PURE,
        "client": OUTSIDE, "models": OUTSIDE, "migrations": OUTSIDE, "protocol": PURE, "openai_format": PURE,
    },
}  # fmt: skip
# Which other app an app may use.
MAY_USE = {"accounts": set[str](), "creator": {"accounts"}, "chat": {"accounts"}}
# Beside each other: neither knows the other.
STRANGERS = ({"client", "models"}, {"microsoft.client", "models"})
# What of the admin site an app's own pages are built from; nothing else of an app imports the admin site.
ADMIN_PARTS = {f"bingproject.operators.{name}" for name in ("base_admin", "dashboard", "audit_log")}
# As whom we ask Microsoft does not depend on who asks us.
MICROSOFT, CALLERS, CALLER_MODELS = "accounts.microsoft", "accounts.callers", "accounts.models.callers"
PURE_LIBRARIES = {"selectolax", "msgspec"}
# Of the standard library pure code leaves these alone: what they say differs from one call to the next.
IMPURE = {"asyncio", "logging", "os", "random", "secrets", "socket", "threading", "time"}
# Of the ground pure code uses what is pure itself: the tree of errors, how headers, markup and broken text are read.
PURE_GROUND = {
    "bingproject.errors",
    "bingproject.upstream.response_headers",
    "bingproject.upstream.markup",
    "bingproject.database.surrogates",
}
PURE_FIRST_PARTY = {
    *PURE_GROUND, "accounts.microsoft.access_tokens", "accounts.microsoft.providers", "chat.protocol.events",
    "chat.protocol.failures",
}  # fmt: skip
SANDBOX_USERS = {"bingproject.management.commands.sandbox"}
SETTINGS_MAY_USE = "bingproject.conf"

# A provider beside Bing has its own files, and besides them only these name it: the database's choices, the
# environment, and three registries (docs/adding-a-provider.md).
PROVIDER = re.compile(r"copilot|m365|microsoft 365", re.IGNORECASE)
WIRE_PAGE = re.compile(r"docs/wire/[\w.-]+")
PROVIDERS_OWN = re.compile(
    r"accounts/microsoft/providers/(copilot|m365)\.py|chat/protocol/(copilot|m365|chathub)/.*|"
    r"chat/services/backends/(copilot|m365)\.py|bingproject/sandbox/(copilot|m365)/.*|.*/migrations/.*"
)
NAME_PROVIDERS = {
    "accounts/microsoft/providers/__init__.py", "accounts/models/accounts.py", "bingproject/settings.py",
    "chat/protocol/catalogue.py", "chat/services/backends/__init__.py",
}  # fmt: skip
PROVIDER_TEXTS = {".py", ".html", ".js", ".css", ".txt"}

MODULE_LINES, FUNCTION_LINES, VIEW_LINES, JOB_LINES = 400, 40, 15, 8
# provider.py: a descriptor of one of the sandbox's stand-ins, tested for all of them by sandbox/test_providers.py.
NO_TEST_OF_THEIR_OWN = {"__init__.py", "__main__.py", "apps.py", "provider.py"}
DOCUMENTED = {"protocol", "client", "services"}  # every public function says what it does


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path): path for package in (*APPS, "bingproject") for path in sorted((ROOT / package).rglob("*.py"))}
TEST_FILES = {_name(path): path for path in sorted((ROOT / "tests").rglob("*.py"))}
ALL_FILES = FILES | TEST_FILES
SOURCES = [name for name in FILES if ".migrations" not in name]
VIEWS = [name for name in SOURCES if "views" in name.split(".")]  # one module, or a package of that name


@cache
def parsed(name: str) -> ast.Module:
    """A module's syntax tree. Parsed on demand: each worker of a run imports this module, and one of them needs it."""
    return ast.parse(ALL_FILES[name].read_text(encoding="utf-8"))


def _imported(node: ast.AST) -> list[str]:
    """The modules a statement imports; `from package import module` counts as the module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        inner = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in ALL_FILES]
        return inner or [base]
    return []


@cache  # many tests ask, and each walk visits all of a module
def _imports(name: str) -> list[str]:
    return [module for node in ast.walk(parsed(name)) for module in _imported(node)]


def _app(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def _is_ours(name: str) -> bool:
    return _app(name) in {*APPS, "bingproject"}


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _part(name: str) -> str:
    """The entry of the tables that a module of ours belongs to; empty for an app's own package and for unknown ones."""
    rows = APP_ROWS.get(_app(name), PROJECT_ROWS)
    rest = name.partition(".")[2]
    return max((part for part in rows if _is_in(rest, part)), key=len, default="")


def _row(name: str) -> int:
    return APP_ROWS.get(_app(name), PROJECT_ROWS).get(_part(name), GROUND)


def _breach(user: str, used: str) -> str:
    """Why `user` may not import `used`; empty when it may."""
    if _row(used) == OPERATORS and _app(user) in APPS:
        return (
            "" if _part(user) == "admin" and used in ADMIN_PARTS else "only an app's admin knows the admin site's parts"
        )
    if _row(used) > _row(user):
        return "imports point down"
    if _row(user) == ROOF or _app(used) == "bingproject":
        return ""
    if _app(user) != _app(used) and _app(used) not in MAY_USE.get(_app(user), set()):
        return f"{_app(user)} does not know {_app(used)}"
    if any({_part(user), _part(used)} == pair for pair in STRANGERS):
        return "they do not know each other"
    if _is_in(user, MICROSOFT) and _is_in(used, CALLERS):
        return "the accounts do not know the callers"
    return ""


def _is_pure_library(top: str) -> bool:
    return top in PURE_LIBRARIES or (top in sys.stdlib_module_names and top not in IMPURE)


@cache
def _functions(name: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(parsed(name)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _public(name: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Module-level functions and methods that do not begin with an underscore."""
    owners: list[ast.Module | ast.ClassDef] = [
        parsed(name),
        *(n for n in parsed(name).body if isinstance(n, ast.ClassDef) and n.name[0] != "_"),
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
    unknown = [name for name in FILES if "." in name and not _part(name) and not _is_in(name, SANDBOX)]
    assert not unknown


def test_accounts_know_no_caller() -> None:
    """Of the app's rows accounts.microsoft takes those of accounts alone, though one package offers both."""
    caller_names = {
        node.name for node in parsed(CALLER_MODELS).body if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    users = [name for name in FILES if _is_in(name, MICROSOFT) or name == "accounts.models.accounts"]
    found = [
        f"{name}: {alias.name}"
        for name in users
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("accounts.models")
        for alias in node.names
        if node.module == CALLER_MODELS or alias.name in caller_names
    ]
    assert users
    assert not found


def test_imports_point_down() -> None:
    """A row uses the rows below it: in its own app, in an app it may know, in the ground."""
    breaches = [
        f"{user} -> {used}: {_breach(user, used)}"
        for user in FILES
        for used in _imports(user)
        if _is_ours(used) and not _is_in(used, SANDBOX) and not _is_in(user, SANDBOX) and _breach(user, used)
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
        if not (_is_in(used, f"{_app(name)}.{_part(name)}") or _is_pure_library(_app(used)))
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
    """Settings use the folder that reads the environment, and nothing else of ours."""
    ours = [used for used in _imports("bingproject.settings") if _is_ours(used)]
    assert ours
    assert not [used for used in ours if not _is_in(used, SETTINGS_MAY_USE)]


def test_few_files_name_a_provider() -> None:
    """A new provider is its own files and a line in each of five others."""
    files = [path for package in (*APPS, "bingproject") for path in (ROOT / package).rglob("*.*")]
    names = {path.relative_to(ROOT).as_posix(): path for path in files if path.suffix in PROVIDER_TEXTS}
    found = {
        name
        for name, path in names.items()
        if not PROVIDERS_OWN.fullmatch(name) and PROVIDER.search(WIRE_PAGE.sub("", path.read_text(encoding="utf-8")))
    }
    assert found == NAME_PROVIDERS


def test_each_module_has_its_test() -> None:
    """tests/ mirrors the tree: accounts/microsoft/services.py has tests/accounts/microsoft/test_services.py."""
    missing = []
    for name in SOURCES:
        path = FILES[name]
        mirror = path.relative_to(ROOT).with_name(f"test_{path.name}")
        # The use of a library's private parts is tested at the user; tests/test_private_api.py has the rest.
        is_exempt = path.name in NO_TEST_OF_THEIR_OWN or path.name.startswith("_compat_")
        if not is_exempt and not (ROOT / "tests" / mirror).exists():
            missing.append(f"tests/{mirror}")
    assert not missing


def test_sizes() -> None:
    """Modules, functions, view methods and jobs stay short enough to be read at once."""
    long = [
        f"{name}: {len(lines)} lines"
        for name, path in (FILES | TEST_FILES).items()
        if len(lines := path.read_text(encoding="utf-8").splitlines()) > MODULE_LINES
    ]
    for name in (*SOURCES, *TEST_FILES):
        limit = VIEW_LINES if name in VIEWS else JOB_LINES if name.endswith(".jobs") else FUNCTION_LINES
        long += [f"{name}.{f.name}: {_length(f)} lines" for f in _functions(name) if _length(f) > limit]
    assert not long


def test_views_hold_no_state() -> None:
    """An action hands its results to `respond`; only the base class sets attributes of a view, those that DRF knows."""
    stateful = [
        f"{name}.{function.name}: self.{node.attr}"
        for name in VIEWS
        for function in _functions(name)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    ]
    hooked = [f"{name}.{f.name}" for name in VIEWS for f in _functions(name) if f.name in ("initial", "dispatch")]
    assert {"creator.api.views", "chat.api.views.openai", "chat.api.views.two_call"} <= set(VIEWS)
    assert not stateful + hooked


def test_docstrings() -> None:
    """Modules, and the public functions of protocol, client and services, say what they are for; names of tests do."""
    modules = [name for name in (*SOURCES, *TEST_FILES) if parsed(name).body and not ast.get_docstring(parsed(name))]
    public = [name for name in SOURCES if _app(name) in APPS and DOCUMENTED & set(name.split("."))]
    silent = [f"{name}.{f.name}" for name in public for f in _public(name) if not ast.get_docstring(f)]
    assert not modules + silent


def _is_exempt(name: str, node: ast.ClassDef) -> bool:
    """Django looks these names up by themselves, or they stand inside another class."""
    return node.name in {"Meta", "Media", "Command"} or ".admin" in name or name.endswith(".apps")


def test_class_names_are_unique() -> None:
    """A class is found by its name alone; admin and app-config classes aside."""
    homes: dict[str, list[str]] = {}
    for name in SOURCES:
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.ClassDef) and not _is_exempt(name, node):
                homes.setdefault(node.name, []).append(name)
    assert not {class_name: where for class_name, where in homes.items() if len(where) > 1}
