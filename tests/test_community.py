"""The files that a hosting platform reads: licence, policies, issue forms, dependency updates and the CI workflow."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FORMS = sorted(path for path in ROOT.glob(".github/ISSUE_TEMPLATE/*.yml") if path.name != "config.yml")
YAML_FILES = sorted([*ROOT.glob(".github/**/*.yml"), ROOT / "compose.yaml", ROOT / ".pre-commit-config.yaml"])
# https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests/syntax-for-githubs-form-schema
REQUIRED_ATTRIBUTES = {
    "markdown": "value",
    "input": "label",
    "textarea": "label",
    "dropdown": "options",
    "checkboxes": "options",
}


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_yaml_parses(path: Path) -> None:
    """Each file is YAML with a mapping at its top."""
    assert isinstance(_load(path), dict)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_are_valid(path: Path) -> None:
    """A form has what GitHub requires; GitHub would otherwise hide it without an error."""
    form = _load(path)
    assert form["name"] and form["description"]
    assert any(entry["type"] != "markdown" for entry in form["body"])
    ids = [entry["id"] for entry in form["body"] if "id" in entry]
    labels = [entry["attributes"]["label"] for entry in form["body"] if entry["type"] != "markdown"]
    assert len(ids) == len(set(ids)) and len(labels) == len(set(labels))
    for entry in form["body"]:
        assert entry["attributes"][REQUIRED_ATTRIBUTES[entry["type"]]]


def test_bug_form_requires_probe_output() -> None:
    """A bug report cannot be submitted without the output of `manage.py probe`."""
    (bug,) = [form for form in map(_load, FORMS) if "bug" in form["labels"]]
    (probe,) = [entry for entry in bug["body"] if entry.get("id") == "probe"]
    assert "manage.py probe" in probe["attributes"]["label"]
    assert probe["validations"]["required"] is True


def test_workflow_only_calls_the_script() -> None:
    """Every step but one prepares the machine by an action pinned to a commit; the one left is `.ci/run`."""
    jobs = _load(ROOT / ".github/workflows/ci.yml")["jobs"]
    (job,) = jobs.values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["./.ci/run"]
    actions = [step["uses"] for step in job["steps"] if "run" not in step]
    assert actions and all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) for action in actions)


def test_workflow_has_the_servers_of_the_containers() -> None:
    """CI runs against the images that compose.yaml runs, on the ports that `.ci/run` expects."""
    (job,) = _load(ROOT / ".github/workflows/ci.yml")["jobs"].values()
    images = {name: service["image"] for name, service in job["services"].items()}
    assert images == {name: _load(ROOT / "compose.yaml")["services"][name]["image"] for name in images}
    assert {service["ports"][0] for service in job["services"].values()} == {
        "127.0.0.1:5432:5432",
        "127.0.0.1:6379:6379",
    }


def test_dependabot_covers_packages_and_actions() -> None:
    """Both kinds of pins are updated from the root of the repository."""
    updates = _load(ROOT / ".github/dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}
    assert all(update["directory"] == "/" and update["schedule"]["interval"] for update in updates)


def test_licence_is_declared() -> None:
    """The package's metadata and the licence's text agree on name and holder."""
    project, text = _project(), (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert project["license"] == "MIT" and text.startswith("MIT License\n")
    assert project["license-files"] == ["LICENSE"]
    assert [author["name"] for author in project["authors"]] == ["the bingproject authors"]
    assert "the bingproject authors" in text
    # PEP 639 forbids both: build backends refuse a licence classifier beside a licence expression.
    assert not [name for name in project["classifiers"] if name.startswith("License ::")]


def test_classifiers_match_supported_versions() -> None:
    """Django's and Python's classifiers say what the requirements and `.ci/pin` say."""
    project = _project()
    pythons = re.search(r'^pythons="([^"]+)"', (ROOT / ".ci/pin").read_text(encoding="utf-8"), re.MULTILINE)
    assert pythons
    tried = {version.rpartition(".")[0] for version in pythons[1].split()}
    prefix = "Programming Language :: Python :: 3."
    named = {
        name.removeprefix("Programming Language :: Python :: ")
        for name in project["classifiers"]
        if name.startswith(prefix)
    }
    assert named == tried
    assert "Framework :: Django :: 5.2" in project["classifiers"]
    assert any(name.startswith("django>=5.2,") for name in project["dependencies"])
