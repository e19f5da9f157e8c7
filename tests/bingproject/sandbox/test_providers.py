"""The stand-ins and what they add up to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bingproject.sandbox import providers
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.core.scenarios import WORD
from bingproject.sandbox.core.templates import PAGES
from bingproject.sandbox.providers import CATALOGUE


def test_every_row_of_refused_submits_has_a_scenario() -> None:
    """Rows a to q of the wire page are all there."""
    rows = {scenario.row for scenario in CATALOGUE.values() if scenario.stage is Stage.SUBMIT}
    assert set("abcdefghijklmnopq") <= rows


def test_every_name_can_be_written_in_a_prompt() -> None:
    """A name is found again in a prompt, whole."""
    for name in CATALOGUE:
        assert WORD.findall(f"a sandbox:{name}=3 cat") == [(name, "3")]


def test_every_page_named_exists() -> None:
    """No scenario names a file that is not there."""
    for scenario in CATALOGUE.values():
        assert not scenario.page or (PAGES / scenario.page).is_file()


def test_texts_with_apostrophes_come_in_three_spellings() -> None:
    """The busy page has them as written, as entity and as a curly one."""
    assert CATALOGUE["busy-entity"].apostrophe == "&#39;"
    assert CATALOGUE["busy-curly"].apostrophe == "\u2019"
    assert "vague-entity" not in CATALOGUE


def test_the_readme_names_them_all() -> None:
    """The README's table has one line for each scenario, and no other."""
    readme = (Path(providers.__file__).parent / "README.md").read_text(encoding="utf-8")
    named = {line.split("`")[1] for line in readme.splitlines() if line.startswith("| `") and line.count("|") == 5}
    assert named == set(CATALOGUE)


def test_a_name_belongs_to_one_stand_in() -> None:
    """A second scenario of the same name is refused, whichever came first."""
    with pytest.raises(ValueError, match="repeats the scenarios busy"):
        providers.build_catalogue(
            [*providers.PROVIDERS, replace(providers.PROVIDERS[0], scenarios=(CATALOGUE["busy"],))]
        )


def test_an_alias_is_the_same_scenario() -> None:
    """Rules and counts know it by the scenario's own name."""
    assert CATALOGUE["reject"].name == "block"


def test_each_folder_with_a_provider_is_found() -> None:
    """And nothing else: the sandbox's other folders are what the providers share."""
    folders = {path.parent.name for path in Path(providers.__file__).parent.glob("*/provider.py")} - {"core"}
    assert len(providers.PROVIDERS) == len(folders)
    assert {provider.name for provider in providers.PROVIDERS} == {"chat", "copilot", "images", "m365"}


def test_a_token_of_a_provider_without_tokens_cannot_be_made() -> None:
    """Cookies sign in to it."""
    assert providers.make_token("m365", "alice", 1e12)
    with pytest.raises(KeyError):
        providers.make_token("images", "alice", 1e12)
