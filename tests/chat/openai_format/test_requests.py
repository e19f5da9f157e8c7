"""The request's fields: obeyed, checked and ignored, refused."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase, CompletionCreateParamsStreaming

from bingproject.errors import InvalidRequestError
from chat.openai_format import Cut, parse_request
from chat.openai_format.requests import IGNORED, TOOL_CHOICES

BODY = {"model": "precise", "messages": [{"role": "user", "content": "2+2?"}]}


def test_the_least_a_request_needs() -> None:
    """Model and messages; all else has a default."""
    request = parse_request(BODY)
    assert (request.model, request.prompt.newest) == ("precise", "2+2?")
    assert (request.is_stream, request.include_usage, request.choice_count, request.cut) == (False, False, 1, Cut())
    assert (request.inline_extras, request.conversation_id, request.ignored) == (None, "", ())


def test_fields_that_are_obeyed() -> None:
    """Each in its form."""
    request = parse_request(
        BODY | {"stream": True, "stream_options": {"include_usage": True}, "stop": ["a", "b"], "max_tokens": 9}
        | {"max_completion_tokens": 7, "inline_extras": True, "conversation_id": "abc", "n": 1}
    )  # fmt: skip
    assert (request.is_stream, request.include_usage, request.cut) == (True, True, Cut(("a", "b"), 7))
    assert (request.inline_extras, request.conversation_id) == (True, "abc")
    assert parse_request(BODY | {"stop": "a", "max_tokens": 9}).cut == Cut(("a",), 9)
    assert parse_request(BODY | {"n": 4}).choice_count == 4
    assert parse_request(BODY | {"inline_extras": False}).inline_extras is False
    assert parse_request(BODY).wants_suggestions
    assert not parse_request(BODY | {"suggestions": False}).wants_suggestions
    efforts = ("none", "low", "medium", "high")
    thinking = [parse_request(BODY | {"reasoning_effort": effort}).wants_thinking for effort in efforts]
    assert thinking == [False, False, True, True]


def test_each_field_of_the_official_client_is_known() -> None:
    """What its next release can send is obeyed, named as ignored or refused; never passed over in silence."""
    obeyed = {"model", "messages", "stream", "stream_options", "n", "stop", "max_tokens", "max_completion_tokens"}
    refused = {"logprobs", "audio", "modalities", "response_format"}
    sent = {name for shape in (CompletionCreateParamsBase, CompletionCreateParamsStreaming)
            for name in shape.__annotations__}  # fmt: skip
    assert sent == (obeyed | refused | {*IGNORED} | {*TOOL_CHOICES})


def test_null_is_as_good_as_absent() -> None:
    """Clients send null for what they leave open."""
    names = ["stream", "stream_options", "stop", "max_tokens", "max_completion_tokens", "n", "tool_choice"]
    names += ["function_call", "logprobs", "audio", "modalities", "response_format", "inline_extras"]
    names += ["conversation_id", *IGNORED]
    assert parse_request(BODY | dict.fromkeys(names)) == parse_request(BODY)


def test_known_fields_without_effect_are_named() -> None:
    """For the header that tells; unknown fields are not named and not checked."""
    request = parse_request(
        BODY | {"temperature": 0.7, "seed": 1, "tools": [{}], "tool_choice": "auto", "unknown": object()}
    )
    assert request.ignored == ("temperature", "seed", "tools", "tool_choice")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("temperature", [0, 2, 0.5], [-0.1, 2.1, "1", True]),
        ("top_p", [0, 1.0], [1.1, True]),
        ("presence_penalty", [-2, 2], [3]),
        ("frequency_penalty", [-2, 2], [-2.5]),
        ("seed", [0, -5, 2**70], [1.0, True, "1"]),
        ("logit_bias", [{}, {"50256": -100, "7": 0.5}], [[], {"7": 101}, {"7": True}, {"7": "1"}]),
        ("user", [""], [1]),
        ("metadata", [{}], ["x"]),
        ("store", [True, False], [1, "true"]),
        ("top_logprobs", [0, 20], [21, 1.0]),
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
        ("tool_choice", ["auto", "none"], ["other", 1]),
        ("function_call", ["auto", "none"], ["other"]),
    ],
)
def test_ignored_fields_are_checked(name: str, good: list[Any], bad: list[Any]) -> None:
    """A wrong type or range is a 400 that names the field; a right one is ignored."""
    for value in good:
        assert parse_request(BODY | {name: value}).ignored == (name,)
    for value in bad:
        with pytest.raises(InvalidRequestError) as caught:
            parse_request(BODY | {name: value})
        assert (caught.value.code, caught.value.param) == ("invalid_value", name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("model", [None, 1, "", " ", ["precise"]]),
        ("messages", [None, "x", []]),
        ("stream", [1, "true"]),
        ("stream_options", [[], "x", {"include_usage": 1}]),
        ("n", [0, 5, 1.0, True, "1"]),
        ("stop", [1, "", [""], [1], ["a"] * 5, {}]),
        ("max_tokens", [0, -1, 1.0, True, "1"]),
        ("max_completion_tokens", [0, 1.5]),
        ("inline_extras", [1, "true"]),
        ("conversation_id", ["", 1, " "]),
        ("logprobs", [1, "false"]),
        ("modalities", ["text", [1]]),
        ("response_format", ["text", {}, {"type": "xml"}, {"type": ["text"]}]),
    ],
)
def test_wrong_values_name_their_field(name: str, values: list[Any]) -> None:
    """Type, range and emptiness."""
    for value in values:
        with pytest.raises(InvalidRequestError) as caught:
            parse_request(BODY | {name: value})
        assert (caught.value.code, caught.value.param) == ("invalid_value", name)


@pytest.mark.parametrize("name", ["model", "messages"])
def test_missing_fields_are_named(name: str) -> None:
    """What a request needs is asked for."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_request({key: value for key, value in BODY.items() if key != name})
    assert caught.value.param == name


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
        ({"logprobs": True}, "logprobs"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
    ],
)
def test_unsupported_fields_are_refused(fields: dict[str, Any], param: str) -> None:
    """Leaving them out unasked would give another answer than was asked for."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_request(BODY | fields)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", param)


@pytest.mark.parametrize(
    "fields",
    [{"modalities": ["text"]}, {"response_format": {"type": "text"}}, {"logprobs": False}, {"stream_options": {}}],
)
def test_fields_that_ask_for_what_is_done_anyway(fields: dict[str, Any]) -> None:
    """They are neither refused nor called ignored."""
    assert parse_request(BODY | fields) == parse_request(BODY)
