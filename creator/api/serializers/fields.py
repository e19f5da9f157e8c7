"""Strict fields of request bodies: JSON `true` and `1.0` are not the number 1, and null is not the default.

Messages name the field and what it accepts, in the contract's words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bingproject.errors import InvalidRequestError
from creator.protocol import ASPECTS, MODELS

PROMPT_CHARACTERS = 4000
SPEEDS = ("fast", "standard", "auto")
FORMATS = ("url", "b64_json")
MAX_IMAGES = 4
SHOWN_CHARACTERS = 100

MODEL_HINT = "Use DALLE, GPT4O, MAI1 or 0,1,4."
ASPECT_HINT = "Use SQUARE, LANDSCAPE, PORTRAIT or 1,2,3."
SPEED_HINT = "Use fast, standard or auto."
OPENAI_MODELS = {"dall-e-3": "DALLE", "gpt-image-1": "GPT4O", "mai-image-1": "MAI1"}
OPENAI_MODEL_HINT = "Use dall-e-3, gpt-image-1, mai-image-1, DALLE, GPT4O or MAI1."
# At least one visible character, and no U+0000, which PostgreSQL cannot store.
PROMPT_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": PROMPT_CHARACTERS,
    "pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$",
    "example": "a red fox in the snow",
}
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


def shown(value: Any) -> str:
    """Return a refused value for a message: text as it is, other values as JSON, shortened."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def any_case(names: Iterable[str]) -> str:
    """Return a pattern of these names in any letter case, for the API's description."""
    letters = ("".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else c for c in name) for name in names)
    return f"^({'|'.join(letters)})$"


def name_or_number(numbers: Mapping[str, int], default: str) -> dict[str, Any]:
    """Describe a field that accepts a name in any letter case, its number, or the number's digits."""
    texts = (*numbers, *map(str, numbers.values()))
    by_name = {"type": "string", "pattern": any_case(texts)}
    return {"anyOf": [by_name, {"type": "integer", "enum": list(numbers.values())}], "example": default}


@extend_schema_field(PROMPT_SCHEMA)
class PromptField(serializers.Field[str, Any, str, Any]):
    """The prompt, stripped and otherwise unchanged."""

    def __init__(self, name: str) -> None:
        missing = f"{name} is required and must be a string."
        too_long = f"{name} is too long: at most {PROMPT_CHARACTERS:,} characters."
        messages: dict[str, Any] = {"required": missing, "null": missing, "invalid": missing, "too_long": too_long}
        super().__init__(error_messages=messages)

    def to_internal_value(self, data: Any) -> str:
        """Return the prompt; refuse other types and blank text."""
        prompt = data.strip() if isinstance(data, str) else ""
        if not prompt:
            self.fail("invalid")
        if len(prompt) > PROMPT_CHARACTERS:
            self.fail("too_long")
        return prompt


class ChoiceField(serializers.Field[str, Any, str, Any]):
    """One of a few names in any letter case, or its number as a number or in digits.

    `names` maps lower-case text to values, `numbers` maps numbers to values.
    """

    def __init__(
        self, label: str, hint: str, names: Mapping[str, str], numbers: Mapping[int, str] | None = None, **options: Any
    ) -> None:
        self.names, self.numbers = dict(names), dict(numbers or {})
        self.names |= {str(number): value for number, value in self.numbers.items()}
        messages: dict[str, Any] = {
            "null": f"Invalid {label}: null. {hint}",
            "invalid": f"Invalid {label}: {{value}}. {hint}",
        }
        super().__init__(error_messages=messages, required=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return the value. Letter case is ignored for ASCII only: a dotless i is not an "I"."""
        found = None
        if isinstance(data, str) and data.isascii():
            found = self.names.get(data.lower())
        elif type(data) is int:
            found = self.numbers.get(data)
        if found is None:
            self.fail("invalid", value=shown(data))
        return found


def _lower(names: Sequence[str]) -> dict[str, str]:
    return {name.lower(): name for name in names}


@extend_schema_field(name_or_number({model.name: model.value for model in MODELS.values()}, "DALLE"))
class ModelField(ChoiceField):
    """An image model of the Bing-Create contract."""

    def __init__(self) -> None:
        numbers = {model.value: model.name for model in MODELS.values()}
        super().__init__("model", MODEL_HINT, _lower(tuple(MODELS)), numbers, default="DALLE")


@extend_schema_field(name_or_number({aspect.name: aspect.value for aspect in ASPECTS.values()}, "SQUARE"))
class AspectField(ChoiceField):
    """The shape of a picture."""

    def __init__(self) -> None:
        numbers = {aspect.value: aspect.name for aspect in ASPECTS.values()}
        super().__init__("aspect", ASPECT_HINT, _lower(tuple(ASPECTS)), numbers, default="SQUARE")


@extend_schema_field({"type": "string", "pattern": any_case(SPEEDS), "example": "auto"})
class SpeedField(ChoiceField):
    """`fast`, `standard` or `auto`: whether a boost may be spent."""

    def __init__(self, default: str) -> None:
        super().__init__("speed", SPEED_HINT, _lower(SPEEDS), default=default)


@extend_schema_field(
    {"type": "string", "nullable": True, "pattern": any_case((*OPENAI_MODELS, *MODELS)), "example": "dall-e-3"}
)
class OpenAIModelField(ChoiceField):
    """An image model by a name of OpenAI or of this server."""

    def __init__(self) -> None:
        names = OPENAI_MODELS | _lower(tuple(MODELS))
        super().__init__("model", OPENAI_MODEL_HINT, names, default="DALLE", allow_null=True)


@extend_schema_field(
    {"type": "string", "nullable": True, "pattern": f"^(auto|{_SIZE.pattern})$", "example": "1024x1024"}
)
class SizeField(serializers.Field[str, Any, str, Any]):
    """An aspect given as width and height, of which only the shape counts."""

    default_error_messages: ClassVar = {
        "invalid": "Invalid size: {value}. Use auto, or width x height, e.g. 1024x1024."
    }

    def to_internal_value(self, data: Any) -> str:
        """Return the aspect's name."""
        if data == "auto":
            return "SQUARE"
        match = _SIZE.fullmatch(data) if isinstance(data, str) else None
        if match is None:
            self.fail("invalid", value=shown(data))
        width, height = int(match[1]), int(match[2])
        if width == height:
            return "SQUARE"
        return "LANDSCAPE" if width > height else "PORTRAIT"


@extend_schema_field({"type": "integer", "nullable": True, "minimum": 1, "maximum": MAX_IMAGES})
class CountField(serializers.Field[int, Any, int, Any]):
    """The number of pictures."""

    default_error_messages: ClassVar = {"invalid": f"Invalid n: {{value}}. Use a whole number from 1 to {MAX_IMAGES}."}

    def to_internal_value(self, data: Any) -> int:
        """Return the number; `true` and `1.0` are refused."""
        if type(data) is not int or not 1 <= data <= MAX_IMAGES:
            self.fail("invalid", value=shown(data))
        return data


@extend_schema_field({"allOf": [{"type": "boolean", "enum": [False]}], "nullable": True})
class AbsentField(serializers.Field[None, Any, None, Any]):
    """A known option that is not supported; false and null count as absent."""

    def __init__(self) -> None:
        super().__init__(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> None:
        """Refuse it.

        Raises: InvalidRequestError `unsupported_parameter`.
        """
        if not self._is_none(data):
            name = str(self.field_name)
            raise InvalidRequestError(
                f"{name} is not supported here. Leave it out.", code="unsupported_parameter", param=name
            )

    def _is_none(self, data: Any) -> bool:
        return data is False


@extend_schema_field(
    {"anyOf": [{"type": "boolean", "enum": [False]}, {"type": "integer", "enum": [0]}], "nullable": True}
)
class AbsentCountField(AbsentField):
    """A known count that is not supported; 0 counts as absent, too."""

    def _is_none(self, data: Any) -> bool:
        return isinstance(data, int | float) and data == 0


@extend_schema_field({"type": "string", "nullable": True, "enum": [*FORMATS, None]})
class FormatField(serializers.Field[str, Any, str, Any]):
    """Addresses or the pictures themselves."""

    default_error_messages: ClassVar = {"invalid": "Invalid response_format: {value}. Use url or b64_json."}

    def __init__(self) -> None:
        super().__init__(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> str:
        """Return the format's name."""
        if not isinstance(data, str) or data not in FORMATS:
            self.fail("invalid", value=shown(data))
        return data
