"""Sources and suggestions, as annotations and inline."""

from __future__ import annotations

import pytest
from msgspec import to_builtins

from chat.openai_format.annotations import (
    annotate_images,
    build_annotations,
    strip_inline_annotations,
    write_image,
    write_search,
    write_suggestions,
)
from chat.protocol.events import Source

A, B = Source("Tide basics", "https://ex.test/a"), Source("Moon", "https://ex.test/b")
BLOCK = (
    "<details>\n<summary>\nSearching: [**tides**]\n</summary>\n"
    "1. [Tide basics](https://ex.test/a)\n2. [Moon](https://ex.test/b)\n</details>\n"
)
LIST = "\n\n---\n\n**Suggested Questions:**\n- Why?\n- How?"


def test_inline_text_is_that_of_the_original_server() -> None:
    """Character by character."""
    assert write_search("tides", [A, B]) == BLOCK
    assert write_suggestions(["Why?", "How?"]) == LIST


def test_inline_blocks_keep_one_line_per_entry() -> None:
    """A line break in a title or query would end the list."""
    assert write_search("a\nb", [Source("c\r\n d\u2028e", "https://ex.test/\n")]) == (
        "<details>\n<summary>\nSearching: [**a b**]\n</summary>\n1. [c d e](https://ex.test/)\n</details>\n"
    )
    assert write_suggestions(["Why\n\nnot?"]).endswith("\n- Why not?")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain", "plain"),
        ("**bold**", "**bold**"),
        (BLOCK + "Answer" + LIST, "Answer"),
        (BLOCK + BLOCK + "Answer", "Answer"),
        ((BLOCK + "Answer" + LIST).strip(), "Answer"),
        ("One " + BLOCK + "two" + LIST + "\n", "One two"),
        (write_search("", []) + "Answer", "Answer"),
        ("Answer" + LIST + "\n\nand more", "Answer" + LIST + "\n\nand more"),
        ("<details>\n**mine**\n</details>", "<details>\n**mine**\n</details>"),
    ],
)
def test_inline_blocks_are_removed(text: str, plain: str) -> None:
    """Exactly these, trimmed or not; similar text of the model stays."""
    assert strip_inline_annotations(text) == plain


def test_a_picture_is_one_piece_of_markdown() -> None:
    """Whatever its title and place; one that is cut off is left out, and one without a title gets a default."""
    image = Source("a [red]\nfox \\", 'https://ex.test/a(1)<b> c"')
    shown = write_image(image)
    assert shown == "![a \\[red\\] fox \\\\](https://ex.test/a%281%29%3Cb%3E%20c%22)"
    assert annotate_images("nothing", [(image, shown)]) == []
    plain = Source("", "https://ex.test/a")
    (note,) = annotate_images(f"See {write_image(plain)}", [(plain, write_image(plain))])
    assert to_builtins(note.url_citation) == {
        "start_index": 4,
        "end_index": 26,
        "title": "Generated image",
        "url": "https://ex.test/a",
    }


def test_long_texts_take_linear_time() -> None:
    """Text that resembles the beginnings of blocks costs no more than its length."""
    hostile = (
        "<details>\n<summary>\nSearching: [**"
        + "1. [a)\n" * 20_000
        + "\n\n---\n\n**Suggested Questions:**\n- x" * 2_000
    )
    assert strip_inline_annotations(hostile + "!\n\n.").endswith("!\n\n.")


def test_a_citation_covers_its_marker() -> None:
    """Each marker is one annotation; a number without a source has none."""
    content = "Tides[^2^] follow[^1^] the Moon[^2^][^9^][^0^]."
    found = build_annotations(content, [A, B], [])
    spans = [(entry.url_citation.url, entry.url_citation.start_index, entry.url_citation.end_index) for entry in found]
    assert spans == [(B.url, 5, 10), (A.url, 17, 22), (B.url, 31, 36)]
    assert all(content[start:end].startswith("[^") for _, start, end in spans)
    assert to_builtins(found[0]) == {
        "type": "url_citation",
        "url_citation": {"start_index": 5, "end_index": 10, "title": "Moon", "url": "https://ex.test/b"},
    }


def test_sources_without_a_marker_are_at_the_end() -> None:
    """Cited or only found, each once, and none without an address."""
    found = build_annotations("Tides[^1^]", [A, Source("", ""), B], [B, A, Source("C", "https://ex.test/c")])
    assert [(entry.url_citation.url, entry.url_citation.start_index) for entry in found] == [
        (A.url, 5), (B.url, 10), ("https://ex.test/c", 10),
    ]  # fmt: skip
    assert build_annotations("", [], []) == []
