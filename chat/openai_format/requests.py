"""The body of `POST chat/completions`, field by field: what is obeyed, what is checked and ignored, what is refused.

Source: docs/contracts.md, "Chat".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bingproject.errors import InvalidRequestError
from chat.openai_format.cutting import Cut
from chat.openai_format.messages import parse_messages
from chat.protocol.events import Prompt

MAX_CHOICES = 4
MAX_STOPS = 4
THINKING_EFFORTS = ("medium", "high", "xhigh")
Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked request.

    Shape: `model` as it was asked for; `inline_extras` None when it is not said; `conversation_id` "" likewise;
    `ignored` names known fields that were given and have no effect, `reasoning_effort` among them, which has one with
    some models: `wants_thinking` is what it says.
    """

    model: str
    prompt: Prompt
    is_stream: bool
    include_usage: bool
    choice_count: int
    cut: Cut
    inline_extras: bool | None
    wants_suggestions: bool
    wants_thinking: bool
    conversation_id: str
    ignored: tuple[str, ...]


def _is_int(value: Any) -> bool:
    return type(value) is int


def _is_number(low: float, high: float) -> Check:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _is_a(kind: type) -> Check:
    return lambda value: isinstance(value, kind)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _is_bias(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_number(-100, 100), value.values()))


# Known, checked, without effect: field → (check, what it must be).
IGNORED: dict[str, tuple[Check, str]] = {
    "temperature": (_is_number(0, 2), "a number from 0 to 2"),
    "top_p": (_is_number(0, 1), "a number from 0 to 1"),
    "presence_penalty": (_is_number(-2, 2), "a number from -2 to 2"),
    "frequency_penalty": (_is_number(-2, 2), "a number from -2 to 2"),
    "seed": (_is_int, "an integer"),
    "logit_bias": (_is_bias, "an object of numbers from -100 to 100"),
    "user": (_is_a(str), "a string"),
    "metadata": (_is_a(dict), "an object"),
    "store": (_is_a(bool), "true or false"),
    "top_logprobs": (lambda value: _is_int(value) and 0 <= value <= 20, "an integer from 0 to 20"),
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
TOOL_CHOICES = ("tool_choice", "function_call")


def parse_request(body: Mapping[str, Any]) -> ChatRequest:
    """Check a request's body; whether its model exists is for the catalogue to say.

    Raises: InvalidRequestError that names the field at fault in `param`: `invalid_value`, `unsupported_parameter`.
    """
    model = _required_text(body, "model")
    ignored = _check_ignored(body)
    _refuse_unsupported(body)
    is_stream = _flag(body, "stream")
    return ChatRequest(
        model=model,
        prompt=parse_messages(body.get("messages")),
        is_stream=is_stream is True,
        include_usage=_include_usage(body),
        choice_count=_choice_count(body, is_stream=is_stream is True),
        cut=_cut(body),
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


def _check_tool_choice(name: str, value: Any) -> None:
    if value in ("auto", "none"):
        return
    if value == "required" or isinstance(value, dict):
        raise _unsupported(name, "Tools cannot be called here, so none can be required. Leave it out.")
    raise _invalid(name, "auto or none")


def _refuse_unsupported(body: Mapping[str, Any]) -> None:
    """Refuse what cannot be left out without giving another answer than was asked for."""
    if _flag(body, "logprobs"):
        raise _unsupported("logprobs", "Log probabilities are not known here. Leave it out.")
    if body.get("audio") is not None:
        raise _unsupported("audio", "Answers are text only. Leave it out.")
    modalities = body.get("modalities")
    if modalities is not None:
        if not isinstance(modalities, list) or not all(isinstance(entry, str) for entry in modalities):
            raise _invalid("modalities", "a list of strings")
        if set(modalities) - {"text"}:
            raise _unsupported("modalities", "Answers are text only. Leave the others out.")
    wanted = body.get("response_format")
    if wanted is not None:
        kind = wanted.get("type") if isinstance(wanted, dict) else None
        if kind in ("json_object", "json_schema"):
            raise _unsupported("response_format", "Answers are plain text; their form cannot be promised.")
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
    if type(count) is not int or not 1 <= count <= MAX_CHOICES:
        raise _invalid("n", f"an integer from 1 to {MAX_CHOICES}")
    if is_stream and count > 1:
        raise _unsupported("n", "A stream has one choice. Leave n out, or ask without stream.")
    if body.get("conversation_id") is not None and count > 1:
        raise _unsupported("n", "In a named conversation a question is asked once. Leave n or conversation_id out.")
    return count


def _cut(body: Mapping[str, Any]) -> Cut:
    limits = []
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        if value is not None and (not _is_int(value) or value < 1):
            raise _invalid(name, "an integer from 1")
        limits += [] if value is None else [value]
    stop = body.get("stop")
    stops = [] if stop is None else [stop] if isinstance(stop, str) else stop
    is_list = isinstance(stops, list) and len(stops) <= MAX_STOPS
    if not is_list or not all(isinstance(text, str) and text for text in stops):
        raise _invalid("stop", f"a string or a list of at most {MAX_STOPS} strings, none empty")
    return Cut(tuple(stops), limits[0] if limits else None)


def _conversation_id(body: Mapping[str, Any]) -> str:
    if body.get("conversation_id") is None:
        return ""
    return _required_text(body, "conversation_id")


def _invalid(name: str, form: str) -> InvalidRequestError:
    return InvalidRequestError(f"{name} must be {form}.", code="invalid_value", param=name)


def _unsupported(name: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="unsupported_parameter", param=name)
