"""Puts measured results between two marks of a page in docs/."""

from __future__ import annotations

from pathlib import Path

from tests.rig.parts import ROOT

DOCS = ROOT / "docs"


def put_block(page: str, name: str, text: str) -> Path:
    """Replace what stands between `<!-- name -->` and `<!-- end of name -->`. Raises: ValueError without the marks."""
    path = DOCS / page
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    old = path.read_text(encoding="utf-8")
    head, found, rest = old.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{page} has no place for {name}")
    path.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}", encoding="utf-8")
    return path
