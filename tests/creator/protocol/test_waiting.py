"""Bodies without a result: pending ones, and those of no known form."""

import json

import pytest

from bingproject.errors import UnexpectedResponseError
from creator.protocol.pages import NOT_READY, HomePage, NotReady
from creator.protocol.waiting import classify_document, classify_fragment, join_content, read_content, unwrap_json

SIGNS = (".mp4",)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('"a"', "a"),
        ('\ufeff["a", "b"]', "a\nb"),
        ("[]", ""),
        ("[1]", "[1]"),
        ('["a', '["a'),
        ("[" * 100_000, "[" * 100_000),
        ("a", "a"),
    ],
)
def test_json_text_is_unwrapped(body: str, text: str) -> None:
    """A body that is no string and no list of strings is unchanged."""
    assert unwrap_json(body) == text


def test_only_strings_are_joined() -> None:
    """A flag, or a list with anything else in it, is no text."""
    assert [join_content(value) for value in ("a", ["a", "b"], [], ["a", 1], True, None)] == [
        "a", "a\nb", "", None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "0", " Still\npending ", "<p>Soon</p>", "<p>GenerativeImagesStatusPage .mp4</p>"])
def test_a_pending_body(text: str) -> None:
    """One byte, the words of pending, the status page, and markup without a sign of media."""
    assert classify_fragment(text, SIGNS) == NOT_READY


@pytest.mark.parametrize("text", ["soon", '<p title="a.MP4"></p>'])
def test_a_body_of_no_known_form(text: str) -> None:
    """Plain text, and markup with a sign of media in any letter case."""
    assert classify_fragment(text, SIGNS).unknown.startswith("body: ")


def test_a_document_with_media_in_another_field_is_of_no_known_form() -> None:
    """Numbers and ids beside the known fields do not count."""
    cases: list[tuple[dict[str, object], NotReady]] = [
        ({"errorMessage": "", "id": "1"}, NOT_READY),
        ({"errorMessage": "", "a": "/th/id/x"}, NotReady(unknown="JSON: object {errorMessage: str, a: str}")),
    ]
    for document, judged in cases:
        assert classify_document(document, json.dumps(document).replace("/", "\\/"), "picture") == judged


@pytest.mark.parametrize("document", [{"id": "1"}, {"errorMessage": "", "showContent": True}])
def test_a_document_that_answers_no_poll_is_an_error(document: dict[str, object]) -> None:
    """Without the field that every answer to a poll has, or with a flag as its content."""
    with pytest.raises(UnexpectedResponseError) as caught:
        classify_document(document, "{}", "video")
    assert "names no video" in caught.value.detail


@pytest.mark.parametrize("found", [NotReady(is_preview=True), HomePage()])
def test_content_is_what_the_parser_finds(found: object) -> None:
    """A preview and a page count as found."""
    assert read_content({"showContent": ["x"]}, lambda _: found) is found


def test_content_without_a_result() -> None:
    """A pending form inside it is of no known form; blank content and a flag are none."""
    assert read_content({"showContent": "x"}, lambda _: NOT_READY) == NotReady(unknown="showContent: text 'x'")
    documents: list[dict[str, object]] = [{}, {"showContent": " "}, {"showContent": True}]
    assert [read_content(document, lambda _: HomePage()) for document in documents] == [None] * 3
