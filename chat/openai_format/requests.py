"""Read the body of `POST chat/completions`: fields that have an effect, that are ignored, and that are refused.

Source: docs/contracts.md, "Chat".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bingproject.errors import InvalidRequestError
from chat.openai_format.messages import parse_messages
from chat.openai_format.truncation import Truncation
from chat.protocol.events import Prompt

MAX_CHOICES = 4  # they are asked one after the other, each as a turn
MAX_STOPS = 256  # OpenAI takes 4; each one is searched for in every piece of an answer
DEFAULT_MODEL = "precise"
NO_LIMIT = -1  # LM Studio's clients send it for "as many tokens as you like"
# "low" and "none" are what the sites do without being asked (docs/decisions.md, 65).
THINKING_EFFORTS = ("medium", "high", "xhigh")
Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked request.

    Attributes:
        model: As the caller wrote it.
        inline_extras: None if the body does not say.
        conversation_id: "" if the body has none.
        wants_thinking: True if `reasoning_effort` asks for more reasoning. Only some models have that.
        ignored: The known fields of the body that have no effect, `reasoning_effort` included.
    """

    model: str
    prompt: Prompt
    is_stream: bool
    include_usage: bool
    choice_count: int
    truncation: Truncation
    inline_extras: bool | None
    wants_suggestions: bool
    wants_thinking: bool
    conversation_id: str
    ignored: tuple[str, ...]


def _integer(value: Any) -> int | None:
    """Return an integer, also one written as 100.0. None for anything else."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def _is_integer(low: float = -math.inf, high: float = math.inf) -> Check:
    return lambda value: (number := _integer(value)) is not None and low <= number <= high


def _is_number(low: float, high: float = math.inf) -> Check:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _is_a(kind: type) -> Check:
    return lambda value: isinstance(value, kind)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _is_bias(value: Any) -> bool:
    # Some clients send an empty list for an empty object.
    return value == [] or (isinstance(value, dict) and all(map(_is_number(-100, 100), value.values())))


def _is_id(value: Any) -> bool:
    # Some clients send a number as `user`.
    return isinstance(value, str) or _integer(value) is not None


# Fields that are checked and have no effect: the check, and what the error says the value must be.
IGNORED: dict[str, tuple[Check, str]] = {
    "temperature": (_is_number(0), "a number from 0 up"),
    "top_p": (_is_number(0, 1), "a number from 0 to 1"),
    "presence_penalty": (_is_number(-2, 2), "a number from -2 to 2"),
    "frequency_penalty": (_is_number(-2, 2), "a number from -2 to 2"),
    "seed": (_is_integer(), "an integer"),
    "logit_bias": (_is_bias, "an object of numbers from -100 to 100"),
    "user": (_is_id, "a string"),
    "metadata": (_is_a(dict), "an object"),
    "store": (_is_a(bool), "true or false"),
    "top_logprobs": (_is_integer(0, 20), "an integer from 0 to 20"),
    "tools": (_is_list_of_objects, "a list of objects"),
    "functions": (_is_list_of_objects, "a list of objects"),
    "parallel_tool_calls": (_is_a(bool), "true or false"),
    "reasoning_effort": (_is_a(str), "a string"),
    "service_tier": (_is_a(str), "a string"),
    "prediction": (_is_a(dict), "an object"),
    "verbosity": (_is_a(str), "a string"),
    "web_search_options": (_is_a(dict), "an object"),
    "prompt_cache_key": (_is_a(str), "a string"),
    "prompt_cache_options": (_is_a(dict), "an object"),
    "prompt_cache_retention": (_is_a(str), "a string"),
    "moderation": (_is_a(dict), "an object"),
    "safety_identifier": (_is_a(str), "a string"),
}
# OpenAI's older names are the second ones.
TOOLS = ("tools", "functions")
TOOL_CHOICES = ("tool_choice", "function_call")


def parse_request(
    body: Mapping[str, Any], *, default_model: str = DEFAULT_MODEL, refuses_tools: bool = False
) -> ChatRequest:
    """Check a request's body. Whether its model exists is for the catalogue to say.

    Args:
        body: The request's JSON object.
        default_model: The model of a request that names none.
        refuses_tools: True to refuse tools that may be called, instead of ignoring them.

    Raises:
        InvalidRequestError: `invalid_value` or `unsupported_parameter`. `param` names the field.
    """
    model = default_model if body.get("model") is None else _required_text(body, "model")
    ignored = _check_ignored(body)
    if refuses_tools:
        _refuse_tools(body)
    ignored += _refuse_unsupported(body)
    is_stream = _flag(body, "stream")
    return ChatRequest(
        model=model,
        prompt=parse_messages(body.get("messages")),
        is_stream=is_stream is True,
        include_usage=_include_usage(body),
        choice_count=_choice_count(body, is_stream=is_stream is True),
        truncation=_truncation(body),
        inline_extras=_flag(body, "inline_extras"),
        wants_suggestions=_flag(body, "suggestions") is not False,
        wants_thinking=body.get("reasoning_effort") in THINKING_EFFORTS,
        conversation_id=_conversation_id(body),
        ignored=ignored,
    )


def _required_text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise _invalid(name, "a string that is not blank")
    return value.strip()


def _flag(body: Mapping[str, Any], name: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise _invalid(name, "true or false")
    return value


def _check_ignored(body: Mapping[str, Any]) -> tuple[str, ...]:
    given = [name for name in IGNORED if body.get(name) is not None]
    for name in given:
        check, form = IGNORED[name]
        if not check(body[name]):
            raise _invalid(name, form)
    for name in TOOL_CHOICES:
        if body.get(name) is not None:
            _check_tool_choice(name, body[name])
            given.append(name)
    return tuple(given)


def _choice_kind(value: Any) -> Any:
    """Return "auto" for "auto" and for {"type": "auto"}, which Anthropic's clients send; likewise "none"."""
    return value["type"] if isinstance(value, dict) and value.get("type") in ("auto", "none") else value


def _check_tool_choice(name: str, value: Any) -> None:
    kind = _choice_kind(value)
    if kind in ("auto", "none"):
        return
    if kind == "required" or isinstance(value, dict):
        raise _unsupported(name, f"Tools cannot be called here, so none can be required. Leave {name} out.")
    raise _invalid(name, "auto or none")


def _refuse_tools(body: Mapping[str, Any]) -> None:
    for name, choice in zip(TOOLS, TOOL_CHOICES, strict=True):
        if body.get(name) and _choice_kind(body.get(choice)) != "none":
            raise _unsupported(name, f"Tools cannot be called here. Leave {name} out.")


def _refuse_unsupported(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Refuse fields that would need another kind of answer. Return the names of those that are ignored."""
    ignored: tuple[str, ...] = ("logprobs",) if _flag(body, "logprobs") else ()
    if body.get("audio") is not None:
        raise _unsupported("audio", "Answers are text only. Leave it out.")
    modalities = body.get("modalities")
    if modalities is not None:
        if not isinstance(modalities, list) or not all(isinstance(entry, str) for entry in modalities):
            raise _invalid("modalities", "a list of strings")
        # Every answer may have pictures, so "image" is accepted and changes nothing.
        if set(modalities) - {"text", "image"}:
            raise _unsupported("modalities", "Answers are text and pictures. Leave the others out.")
        ignored += ("modalities",) if "image" in modalities else ()
    _check_response_format(body.get("response_format"))
    return ignored


def _check_response_format(wanted: Any) -> None:
    if wanted is None or wanted == {}:  # some clients send an empty object for "no format"
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind in ("json_object", "json_schema"):
        raise _unsupported("response_format", "Answers are plain text; no format can be guaranteed.")
    if kind != "text":
        raise _invalid("response_format", "an object whose type is text")


def _include_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    wanted = options.get("include_usage") if isinstance(options, dict) else 0
    if wanted is not None and not isinstance(wanted, bool):
        raise _invalid("stream_options", "an object whose include_usage is true or false")
    return bool(wanted)


def _choice_count(body: Mapping[str, Any], *, is_stream: bool) -> int:
    count = body.get("n")
    if count is None:
        return 1
    count = _integer(count)
    if count is None or not 1 <= count <= MAX_CHOICES:
        raise _invalid("n", f"an integer from 1 to {MAX_CHOICES}")
    if is_stream and count > 1:
        raise _unsupported("n", "A stream has one choice. Leave n out, or ask without stream.")
    # Each choice would be another answer to the same question within one conversation.
    if body.get("conversation_id") is not None and count > 1:
        raise _unsupported("n", "In a named conversation a question is asked once. Leave n or conversation_id out.")
    return count


def _truncation(body: Mapping[str, Any]) -> Truncation:
    # The newer name wins if both are given.
    limits = []
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        limit = _integer(value)
        if value is not None and (limit is None or (limit < 1 and limit != NO_LIMIT)):
            raise _invalid(name, f"an integer from 1, or {NO_LIMIT} for no limit")
        limits += [] if limit in (None, NO_LIMIT) else [limit]
    stop = body.get("stop")
    stops = [] if stop is None else [stop] if isinstance(stop, str) else stop
    is_list = isinstance(stops, list) and len(stops) <= MAX_STOPS
    if not is_list or not all(isinstance(text, str) and text for text in stops):
        raise _invalid("stop", f"a string or a list of at most {MAX_STOPS} strings, none empty")
    return Truncation(tuple(stops), limits[0] if limits else None)


def _conversation_id(body: Mapping[str, Any]) -> str:
    if body.get("conversation_id") is None:
        return ""
    return _required_text(body, "conversation_id")


def _invalid(name: str, form: str) -> InvalidRequestError:
    return InvalidRequestError(f"{name} must be {form}.", code="invalid_value", param=name)


def _unsupported(name: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="unsupported_parameter", param=name)
