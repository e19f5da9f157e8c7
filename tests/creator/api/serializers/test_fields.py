"""Fields of request bodies: what each takes, and how it names what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Field

from bingproject.errors import InvalidRequestError
from creator.api.serializers.fields import (
    AbsentField,
    AspectField,
    CountField,
    FormatField,
    ModelField,
    OpenAIModelField,
    PromptField,
    SizeField,
    SpeedField,
    any_case,
    shown,
)


def refusal(field: Field[Any, Any, Any, Any], value: Any) -> str:
    """The message with which a field refuses a value."""
    with pytest.raises(ValidationError) as caught:
        field.run_validation(value)
    assert isinstance(caught.value.detail, list)
    return str(caught.value.detail[0])


@pytest.mark.parametrize(
    "text", ["x", "a 🦊 שועל אדום", "a\tb\nc", "x" * 4000, "🦊" * 4000, "e\u0301", "a\u200b", "<b>&amp;\\u0041"]
)
def test_a_prompt_is_taken_as_it_is(text: str) -> None:
    """Every character inside stays; 4,000 of them count as characters, not as bytes."""
    assert PromptField("query").run_validation(text) == text


def test_a_prompt_is_stripped() -> None:
    """White space around it goes before its length counts."""
    assert PromptField("query").run_validation(" \n\u3000x y \t") == "x y"
    assert PromptField("query").run_validation(" " * 5000 + "x" * 4000) == "x" * 4000


@pytest.mark.parametrize("value", [None, "", " \n\t", "\u3000", 5, 1.5, True, False, [], ["x"], {}, {"x": 1}])
def test_what_is_no_prompt_is_refused_by_the_fields_name(value: Any) -> None:
    """One message for all of them, since it says what to send."""
    assert refusal(PromptField("query"), value) == "query is required and must be a string."
    assert refusal(PromptField("prompt"), value) == "prompt is required and must be a string."


@pytest.mark.parametrize("text", ["x" * 4001, "x" * 200_000])
def test_a_prompt_too_long_is_refused(text: str) -> None:
    """The limit stands in the message."""
    assert refusal(PromptField("query"), text) == "query is too long: at most 4,000 characters."


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("DALLE", "DALLE"),
        ("dalle", "DALLE"),
        ("dAllE", "DALLE"),
        (0, "DALLE"),
        ("0", "DALLE"),
        ("gpt4o", "GPT4O"),
        (1, "GPT4O"),
        ("1", "GPT4O"),
        ("Mai1", "MAI1"),
        (4, "MAI1"),
        ("4", "MAI1"),
    ],
)
def test_models_have_names_and_numbers(value: Any, name: str) -> None:
    """In any letter case, as a number or in digits."""
    assert ModelField().run_validation(value) == name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (1.0, "1.0"),
        (7, "7"),
        (-1, "-1"),
        ("", ""),
        (" dalle", " dalle"),
        ("01", "01"),
        ("1.0", "1.0"),
        ("dall-e-3", "dall-e-3"),
        ("ma\u0131 1", "ma\u0131 1"),
        ("ma\u01311", "ma\u01311"),
        (["gpt4o"], '["gpt4o"]'),
        ({"a": 1}, '{"a": 1}'),
        (10**40, str(10**40)),
        ("x" * 200, "x" * 100 + "…"),
        ("{}", "{}"),
    ],
)
def test_unknown_models_are_named_in_the_refusal(value: Any, text: str) -> None:
    """The message repeats what was sent, in the words of the server whose clients come here."""
    assert refusal(ModelField(), value) == f"Invalid model: {text}. Use DALLE, GPT4O, MAI1 or 0,1,4."


def test_aspects_have_names_and_numbers() -> None:
    """The same for shapes; 0 is none."""
    assert [AspectField().run_validation(value) for value in ("square", 2, "3", "Portrait")] == [
        "SQUARE",
        "LANDSCAPE",
        "PORTRAIT",
        "PORTRAIT",
    ]
    assert refusal(AspectField(), 0) == "Invalid aspect: 0. Use SQUARE, LANDSCAPE, PORTRAIT or 1,2,3."
    assert refusal(AspectField(), None) == "Invalid aspect: null. Use SQUARE, LANDSCAPE, PORTRAIT or 1,2,3."


def test_speeds_have_names_only() -> None:
    """Three words, no numbers."""
    assert [SpeedField("auto").run_validation(value) for value in ("fast", "STANDARD", "Auto")] == [
        "fast",
        "standard",
        "auto",
    ]
    assert refusal(SpeedField("auto"), 1) == "Invalid speed: 1. Use fast, standard or auto."


@pytest.mark.parametrize(
    ("value", "name"),
    [("dall-e-3", "DALLE"), ("gpt-image-1", "GPT4O"), ("mai-image-1", "MAI1"), ("DALLE", "DALLE"), ("mai1", "MAI1")],
)
def test_openai_names_of_models(value: str, name: str) -> None:
    """Theirs and ours."""
    assert OpenAIModelField().run_validation(value) == name


@pytest.mark.parametrize("value", ["0", 0, "dall-e-2", "", 1.0, True, ["dall-e-3"]])
def test_other_openai_models_are_refused(value: Any) -> None:
    """The message lists what there is."""
    message = f"Invalid model: {shown(value)}. Use dall-e-3, gpt-image-1, mai-image-1, DALLE, GPT4O or MAI1."
    assert refusal(OpenAIModelField(), value) == message


@pytest.mark.parametrize(
    ("size", "aspect"),
    [
        ("auto", "SQUARE"),
        ("1024x1024", "SQUARE"),
        ("256x256", "SQUARE"),
        ("1792x1024", "LANDSCAPE"),
        ("1536x1024", "LANDSCAPE"),
        ("1024x1792", "PORTRAIT"),
        ("1x99999", "PORTRAIT"),
    ],
)
def test_a_size_is_read_as_a_shape(size: str, aspect: str) -> None:
    """Width and height are compared, nothing more."""
    assert SizeField().run_validation(size) == aspect


@pytest.mark.parametrize(
    "value", ["", "big", "0x0", "01x1", "1024", "1024X1024", "1024x1024\n", "-1x1", 1024, True, []]
)
def test_what_is_no_size_is_refused(value: Any) -> None:
    """Only digits, a small x, digits."""
    message = f"Invalid size: {shown(value)}. Use auto, or width x height, e.g. 1024x1024."
    assert refusal(SizeField(), value) == message


def test_one_to_four_pictures() -> None:
    """Whole JSON numbers only: `true` and `1.0` are not 1."""
    assert [CountField().run_validation(value) for value in (1, 2, 3, 4)] == [1, 2, 3, 4]
    for value in (0, 5, -1, True, 1.0, "1", "x", [1], 10**30):
        assert refusal(CountField(), value) == f"Invalid n: {shown(value)}. Use a whole number from 1 to 4."


def test_two_formats() -> None:
    """Addresses, or the pictures in base64."""
    assert [FormatField().run_validation(value) for value in ("url", "b64_json")] == ["url", "b64_json"]
    for value in ("URL", "", 1, True, ["url"]):
        assert refusal(FormatField(), value) == f"Invalid response_format: {shown(value)}. Use url or b64_json."


@pytest.mark.parametrize("value", [True, 1, 0, "false", [], {}])
def test_an_option_that_cannot_be_honoured_is_refused_by_its_own_code(value: Any) -> None:
    """Ignoring it would give another answer than was asked for; false asks for nothing."""
    field = AbsentField()
    field.field_name = "stream"
    with pytest.raises(InvalidRequestError) as caught:
        field.run_validation(value)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "stream")
    field.run_validation(False)


def test_patterns_of_names_in_any_case() -> None:
    """What the API's description says of a name is what the field takes."""
    pattern = any_case(("dall-e-3", "A1"))
    assert all(re.search(pattern, text) for text in ("dall-e-3", "DALL-E-3", "a1", "A1"))
    assert not any(re.search(pattern, text) for text in ("dallxe-3", "a11", "", "b"))
