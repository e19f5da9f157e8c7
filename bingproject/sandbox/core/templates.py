"""The files under `pages/`, read once: whole pages, pieces of pages, and JSON bodies."""

from __future__ import annotations

import html
from functools import cache
from pathlib import Path
from string import Template

PAGES = Path(__file__).parent / "pages"


@cache
def read_page(name: str) -> str:
    """Return a page file's text, without the line end that closes the file (one that is only a line end keeps it)."""
    text = (PAGES / name).read_text(encoding="utf-8")
    return text.removesuffix("\n") or text


@cache
def _template(name: str) -> Template:
    return Template(read_page(name))


def fill(name: str, **values: object) -> str:
    """Return a page with its `$names` replaced; every name it has must be given."""
    return _template(name).substitute(values)


def escape(text: str) -> str:
    """Escape as Bing does: quotes as `&quot;`, apostrophes as `&#39;`."""
    return html.escape(text, quote=True).replace("&#x27;", "&#39;")
