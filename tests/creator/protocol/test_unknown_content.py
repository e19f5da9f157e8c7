"""Outlines: features by which a parser could recognise a body, without the prompt and values that change."""

import pytest

from creator.protocol.unknown_content import OUTLINE_CHARACTERS, outline


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (True, "bool True"),
        ({"a": 1, "b": "words", "c": [1]}, "object {a: 1, b: str, c: list}"),
        (["x", 2, 3, 4], "list of 4: str, 2, 3"),
        ("soon", "text 'soon'"),
        ("https://[bad", "text 'https://[bad'"),
        ("two words", "text 'two words'"),
        ("https://x.example/a?q=a+prompt&id=5", "address https://x.example/a ['id', 'q']"),
        ("/a/b", "address /a/b []"),
        (
            '<div class="a b c d" data-id="1" style="x"><img src="/x?q=words"></div>',
            "HTML div.a.b.c[data-id] img[src] of 2 elements",
        ),
    ],
)
def test_outlines(content: object, expected: str) -> None:
    """Kinds, classes and names of attributes; no values except numbers and short texts."""
    assert outline(content) == expected


def test_an_outline_is_short_and_ignores_values() -> None:
    """Another session number does not change it."""
    first, second = (f'<div data-ig="{ig}">' + "<p>x</p>" * 500 for ig in ("A1", "B2"))
    assert outline(first) == outline(second)
    assert len(outline({str(number): number for number in range(500)})) == OUTLINE_CHARACTERS
