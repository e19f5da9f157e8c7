"""The named behaviours."""

from __future__ import annotations

from pathlib import Path

from bingproject.sandbox.core import catalogue
from bingproject.sandbox.core.catalogue import CATALOGUE, Stage
from bingproject.sandbox.core.scenarios import WORD
from bingproject.sandbox.core.templates import PAGES


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
    readme = (Path(catalogue.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    named = {line.split("`")[1] for line in readme.splitlines() if line.startswith("| `") and line.count("|") == 5}
    assert named == set(CATALOGUE)
