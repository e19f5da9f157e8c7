"""The request's fields: those with an effect, those checked and ignored, those refused."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase, CompletionCreateParamsStreaming

from bingproject.errors import InvalidRequestError
from chat.openai_format import Truncation, parse_request
from chat.openai_format.requests import IGNORED, TOOL_CHOICES

BODY = {"model": "precise", "messages": [{"role": "user", "content": "2+2?"}]}


def test_a_minimal_request() -> None:
    """Model and messages; everything else has a default."""
    request = parse_request(BODY)
    assert (request.model, request.prompt.newest) == ("precise", "2+2?")
    assert (request.is_stream, request.include_usage, request.choice_count, request.truncation) == (
        False,
        False,
        1,
        Truncation(),
    )
    assert (request.inline_extras, request.conversation_id, request.ignored) == (None, "", ())


def test_fields_with_an_effect() -> None:
    """Each in its form."""
    request = parse_request(
        BODY | {"stream": True, "stream_options": {"include_usage": True}, "stop": ["a", "b"], "max_tokens": 9}
        | {"max_completion_tokens": 7, "inline_extras": True, "conversation_id": "abc", "n": 1}
    )  # fmt: skip
    assert (request.is_stream, request.include_usage, request.truncation) == (True, True, Truncation(("a", "b"), 7))
    assert (request.inline_extras, request.conversation_id) == (True, "abc")
    assert parse_request(BODY | {"stop": "a", "max_tokens": 9}).truncation == Truncation(("a",), 9)
    assert parse_request(BODY | {"n": 4}).choice_count == 4
    assert parse_request(BODY | {"inline_extras": False}).inline_extras is False
    assert parse_request(BODY).wants_suggestions
    assert not parse_request(BODY | {"suggestions": False}).wants_suggestions
    efforts = ("none", "low", "medium", "high")
    thinking = [parse_request(BODY | {"reasoning_effort": effort}).wants_thinking for effort in efforts]
    assert thinking == [False, False, True, True]


def test_each_field_of_the_official_client_is_known() -> None:
    """Each has an effect, is named as ignored, or is refused: none is dropped silently."""
    obeyed = {"model", "messages", "stream", "stream_options", "n", "stop", "max_tokens", "max_completion_tokens"}
    refused = {"logprobs", "audio", "modalities", "response_format"}
    sent = {name for shape in (CompletionCreateParamsBase, CompletionCreateParamsStreaming)
            for name in shape.__annotations__}  # fmt: skip
    assert sent == (obeyed | refused | {*IGNORED} | {*TOOL_CHOICES})


def test_null_means_absent() -> None:
    """Clients send null for fields that they leave open."""
    names = ["stream", "stream_options", "stop", "max_tokens", "max_completion_tokens", "n", "tool_choice"]
    names += ["function_call", "logprobs", "audio", "modalities", "response_format", "inline_extras"]
    names += ["conversation_id", *IGNORED]
    assert parse_request(BODY | dict.fromkeys(names)) == parse_request(BODY)


def test_known_fields_without_effect_are_named() -> None:
    """A header lists them; unknown fields are neither listed nor checked."""
    request = parse_request(
        BODY | {"temperature": 0.7, "seed": 1, "tools": [{}], "tool_choice": "auto", "unknown": object()}
    )
    assert request.ignored == ("temperature", "seed", "tools", "tool_choice")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("temperature", [0, 2, 0.5, 2.1, 100], [-0.1, "1", True]),
        ("top_p", [0, 1.0], [1.1, True]),
        ("presence_penalty", [-2, 2], [3]),
        ("frequency_penalty", [-2, 2], [-2.5]),
        ("seed", [0, -5, 2**70, 1.0], [1.5, True, "1"]),
        ("logit_bias", [{}, [], {"50256": -100, "7": 0.5}], [[1], {"7": 101}, {"7": True}, {"7": "1"}]),
        ("user", ["", 123, 1.0], [1.5, True, {}]),
        ("metadata", [{}], ["x"]),
        ("store", [True, False], [1, "true"]),
        ("top_logprobs", [0, 20, 1.0], [21, 1.5]),
        ("tools", [[], [{}]], [{}, ["weather"]]),
        ("functions", [[], [{}]], [{}, [1]]),
        ("parallel_tool_calls", [True], ["x"]),
        ("reasoning_effort", ["low"], [1]),
        ("service_tier", ["auto"], [1]),
        ("prediction", [{}], ["x"]),
        ("verbosity", ["low"], [1]),
        ("web_search_options", [{}], [True]),
        ("prompt_cache_key", ["x"], [1]),
        ("prompt_cache_options", [{}], ["x"]),
        ("prompt_cache_retention", ["24h"], [24]),
        ("moderation", [{}], [True]),
        ("safety_identifier", ["x"], [1]),
        ("tool_choice", ["auto", "none", {"type": "auto"}, {"type": "none"}], ["other", 1]),
        ("function_call", ["auto", "none"], ["other"]),
        ("logprobs", [True], ["true", 1]),
        ("modalities", [["text", "image"], ["image"]], ["text", [1]]),
    ],
)
def test_ignored_fields_are_checked(name: str, good: list[Any], bad: list[Any]) -> None:
    """A wrong type or range is a 400 that names the field; a valid value is ignored."""
    for value in good:
        assert parse_request(BODY | {name: value}).ignored == (name,)
    for value in bad:
        with pytest.raises(InvalidRequestError) as caught:
            parse_request(BODY | {name: value})
        assert (caught.value.code, caught.value.param) == ("invalid_value", name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("model", [1, "", " ", ["precise"]]),
        ("messages", [None, "x", []]),
        ("stream", [1, "true"]),
        ("stream_options", [[], "x", {"include_usage": 1}]),
        ("n", [0, 5, 1.5, True, "1"]),
        ("stop", [1, "", [""], [1], ["a"] * 257, {}]),
        ("max_tokens", [0, -2, 1.5, True, "1"]),
        ("max_completion_tokens", [0, 1.5]),
        ("inline_extras", [1, "true"]),
        ("conversation_id", ["", 1, " "]),
        ("logprobs", [1, "false"]),
        ("modalities", ["text", [1]]),
        ("response_format", ["text", [], {"type": "xml"}, {"type": ["text"]}]),
    ],
)
def test_wrong_values_name_their_field(name: str, values: list[Any]) -> None:
    """For type, range and emptiness."""
    for value in values:
        with pytest.raises(InvalidRequestError) as caught:
            parse_request(BODY | {name: value})
        assert (caught.value.code, caught.value.param) == ("invalid_value", name)


def test_missing_messages_are_an_error() -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_request({"model": "precise"})
    assert caught.value.param == "messages"


def test_a_model_that_is_left_out_is_the_default_one() -> None:
    """The original chat server has it so; null means absent."""
    messages = {"messages": BODY["messages"]}
    assert parse_request(messages).model == "precise"
    assert parse_request(messages | {"model": None}, default_model="m365").model == "m365"


def test_values_that_other_servers_accept() -> None:
    """LM Studio's -1, integers with a decimal point, more than four stop sequences."""
    assert parse_request(BODY | {"max_tokens": -1}).truncation == Truncation()
    assert parse_request(BODY | {"max_tokens": 100.0, "n": 1.0}).truncation == Truncation(max_tokens=100)
    assert parse_request(BODY | {"max_completion_tokens": -1, "max_tokens": 7}).truncation == Truncation(max_tokens=7)
    assert len(parse_request(BODY | {"stop": [f"stop {n}" for n in range(6)]}).truncation.stops) == 6


def test_tools_can_be_refused() -> None:
    """A client notices an error and not a silence; tools that may not be called are no reason for one."""
    callable_ones: list[dict[str, Any]] = [
        {"tools": [{}]},
        {"functions": [{}]},
        {"tools": [{}], "tool_choice": {"type": "auto"}},
    ]
    for fields in callable_ones:
        assert parse_request(BODY | fields).ignored
        with pytest.raises(InvalidRequestError) as caught:
            parse_request(BODY | fields, refuses_tools=True)
        assert (caught.value.code, caught.value.param) == ("unsupported_parameter", next(iter(fields)))
    others: list[dict[str, Any]] = [{}, {"tools": []}, {"tools": [{}], "tool_choice": "none"}]
    for fields in others:
        parse_request(BODY | fields, refuses_tools=True)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
def test_a_required_tool_is_refused(choice: Any) -> None:
    """The message names the field."""
    with pytest.raises(InvalidRequestError, match=r"none can be required\. Leave tool_choice out"):
        parse_request(BODY | {"tool_choice": choice})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2, "stream": True}, "n"),
        ({"n": 2, "conversation_id": "abc"}, "n"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
    ],
)
def test_unsupported_fields_are_refused(fields: dict[str, Any], param: str) -> None:
    """Without them the answer would not be what was asked for."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_request(BODY | fields)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", param)


@pytest.mark.parametrize(
    "fields",
    [
        {"modalities": ["text"]},
        {"response_format": {"type": "text"}},
        {"response_format": {}},
        {"logprobs": False},
        {"stream_options": {}},
    ],
)
def test_fields_that_ask_for_the_default(fields: dict[str, Any]) -> None:
    """They are neither refused nor listed as ignored."""
    assert parse_request(BODY | fields) == parse_request(BODY)
