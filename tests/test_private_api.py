"""Private parts of libraries: used in `_compat_<library>.py` alone, each checked with one version of its library."""

from __future__ import annotations

import ast
from enum import Enum
from importlib import import_module
from importlib.metadata import version
from inspect import getmembers, isclass, isfunction

import pytest

from tests.test_architecture import SOURCES, parsed

OURS = ("accounts", "bingproject", "chat", "creator")
COMPAT = [name for name in SOURCES if "._compat_" in name]
# Names with an underscore that their library documents, or that have no other name.
PUBLIC = {
    "_meta", "_state", "_default_manager", "_base_manager",  # Django: "Model _meta API", "Custom managers", from_db
    "_request",  # DRF: "Requests", Standard HttpRequest attributes
    "_exit",  # os
    "_registry",  # AdminSite: there is no public way to list its models
}  # fmt: skip


def _foreign(node: ast.AST, own_classes: set[str]) -> bool:
    """Whether an attribute with an underscore is read or set on something that is not the class's own."""
    if not isinstance(node, ast.Attribute) or node.attr[0] != "_" or node.attr[:2] == "__" or node.attr in PUBLIC:
        return False
    owner = node.value
    if isinstance(owner, ast.Name):
        return owner.id not in {"self", "cls", *own_classes}
    return not (isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super")


def _overridden(module: str) -> list[str]:
    """The private methods of other people's classes that a module's classes override."""
    return [
        f"{module}.{cls.__name__}.{name} overrides {base.__module__}.{base.__name__}"
        for _, cls in getmembers(import_module(module), isclass)
        if cls.__module__ == module and not issubclass(cls, Enum)  # whose members Python itself puts in
        for name, value in vars(cls).items()
        if isfunction(value) and name[0] == "_" and name[:2] != "__"
        for base in cls.__mro__[1:]
        if isfunction(vars(base).get(name)) and not base.__module__.startswith(OURS)
    ]


def test_private_names_are_used_in_compat_modules_alone() -> None:
    """No attribute with an underscore of somebody else's object elsewhere, and no import of such a name."""
    breaches = []
    for name in sorted(set(SOURCES) - set(COMPAT)):
        own_classes = {node.name for node in ast.walk(parsed(name)) if isinstance(node, ast.ClassDef)}
        breaches += [f"{name}: {ast.unparse(node)}" for node in ast.walk(parsed(name)) if _foreign(node, own_classes)]
        breaches += [
            f"{name}: {node.module}.{alias.name}"
            for node in ast.walk(parsed(name))
            if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith((*OURS, "__future__"))
            for alias in node.names
            if alias.name[0] == "_"
        ]
    assert not breaches


def test_private_methods_are_overridden_in_compat_modules_alone() -> None:
    """A method with an underscore of a library's class is not ours to replace elsewhere."""
    modules = [name for name in SOURCES if name not in COMPAT and not name.endswith("__main__")]
    assert not [breach for module in modules for breach in _overridden(module)]


@pytest.mark.parametrize("name", COMPAT)
def test_the_library_is_the_one_that_was_checked(name: str) -> None:
    """When this fails: check again what RECHECK lists, in the new version's source, then raise CHECKED_VERSION."""
    module = import_module(name)
    found = version(module.LIBRARY)
    assert found == module.CHECKED_VERSION, (
        f"{module.LIBRARY} is {found}; {name} was checked with {module.CHECKED_VERSION}. Check again:\n- "
        + "\n- ".join(module.RECHECK)
    )
