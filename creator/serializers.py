"""Bodies ⇄ values: what callers may ask for, in the contract's words, and how tasks are shown.

Request bodies are read strictly: JSON `true` and `1.0` are not the number 1, null is no default. Answers are plain
functions, since a serializer would cost more than the rest of a hot read.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from rest_framework import serializers

from bingproject.contracts import BING_CREATE, iso
from bingproject.errors import InvalidRequestError
from creator.models import FINISHED, OPEN, Kind, State, Task
from creator.protocol import ASPECTS, MODELS
from creator.services import Wish, failure_of

PROMPT_CHARACTERS = 4000
SPEEDS = ("fast", "standard", "auto")
MAX_IMAGES = 4
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
SHOWN_CHARACTERS = 100

MODEL_HINT = "Use DALLE, GPT4O, MAI1 or 0,1,4."
ASPECT_HINT = "Use SQUARE, LANDSCAPE, PORTRAIT or 1,2,3."
SPEED_HINT = "Use fast, standard or auto."
OPENAI_MODELS = {"dall-e-3": "DALLE", "gpt-image-1": "GPT4O", "mai-image-1": "MAI1"}
OPENAI_MODEL_HINT = "Use dall-e-3, gpt-image-1, mai-image-1, DALLE, GPT4O or MAI1."
# What `gpt-image-1` has always answered with; the others answer with addresses.
DEFAULT_FORMATS = {"GPT4O": "b64_json"}
STATES: dict[str, tuple[str, ...]] = {
    "processing": OPEN,
    "completed": (State.COMPLETED,),
    "failed": tuple(state for state in FINISHED if state != State.COMPLETED),
}
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
_CURSOR = struct.Struct(">q16s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# --- fields ---


def shown(value: Any) -> str:
    """A refused value as the message names it: text as it is, all else as JSON, not too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


class PromptField(serializers.Field[str, Any, str, Any]):
    """What to make, stripped, else as it was sent."""

    def __init__(self, name: str) -> None:
        missing = f"{name} is required and must be a string."
        too_long = f"{name} is too long: at most {PROMPT_CHARACTERS:,} characters."
        messages = {"required": missing, "null": missing, "invalid": missing, "too_long": too_long}
        super().__init__(error_messages=messages)

    def to_internal_value(self, data: Any) -> str:
        """Refuse what is no text, or none to speak of."""
        prompt = data.strip() if isinstance(data, str) else ""
        if not prompt:
            self.fail("invalid")
        if len(prompt) > PROMPT_CHARACTERS:
            self.fail("too_long")
        return prompt


class ChoiceField(serializers.Field[str, Any, str, Any]):
    """One of a few names in any letter case, or its number, as a number or in digits.

    Shape: `names` maps lower-case text to the value, `numbers` the numbers.
    """

    def __init__(
        self, label: str, hint: str, names: Mapping[str, str], numbers: Mapping[int, str] | None = None, **options: Any
    ) -> None:
        self.names, self.numbers = dict(names), dict(numbers or {})
        self.names |= {str(number): value for number, value in self.numbers.items()}
        messages = {"null": f"Invalid {label}: null. {hint}", "invalid": f"Invalid {label}: {{value}}. {hint}"}
        super().__init__(error_messages=messages, required=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """The value; only ASCII has letter case here, since `"ı".upper()` is "I"."""
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


class ModelField(ChoiceField):
    """An image model of the Bing-Create contract."""

    def __init__(self) -> None:
        numbers = {model.value: model.name for model in MODELS.values()}
        super().__init__("model", MODEL_HINT, _lower(tuple(MODELS)), numbers, default="DALLE")


class AspectField(ChoiceField):
    """The shape of a picture."""

    def __init__(self) -> None:
        numbers = {aspect.value: aspect.name for aspect in ASPECTS.values()}
        super().__init__("aspect", ASPECT_HINT, _lower(tuple(ASPECTS)), numbers, default="SQUARE")


class SpeedField(ChoiceField):
    """Whether a boost may be spent."""

    def __init__(self, default: str) -> None:
        super().__init__("speed", SPEED_HINT, _lower(SPEEDS), default=default)


class OpenAIModelField(ChoiceField):
    """An image model by the names that OpenAI clients know, or by ours."""

    def __init__(self) -> None:
        names = OPENAI_MODELS | _lower(tuple(MODELS))
        super().__init__("model", OPENAI_MODEL_HINT, names, default="DALLE", allow_null=True)


class SizeField(serializers.Field[str, Any, str, Any]):
    """An aspect by a picture's width and height: only the shape counts."""

    default_error_messages: ClassVar = {
        "invalid": "Invalid size: {value}. Use auto, or width x height, e.g. 1024x1024."
    }

    def to_internal_value(self, data: Any) -> str:
        """The aspect's name."""
        if data == "auto":
            return "SQUARE"
        match = _SIZE.fullmatch(data) if isinstance(data, str) else None
        if match is None:
            self.fail("invalid", value=shown(data))
        width, height = int(match[1]), int(match[2])
        if width == height:
            return "SQUARE"
        return "LANDSCAPE" if width > height else "PORTRAIT"


class CountField(serializers.Field[int, Any, int, Any]):
    """How many pictures."""

    default_error_messages: ClassVar = {"invalid": f"Invalid n: {{value}}. Use a whole number from 1 to {MAX_IMAGES}."}

    def to_internal_value(self, data: Any) -> int:
        """The number; `true` and `1.0` are not 1."""
        if type(data) is not int or not 1 <= data <= MAX_IMAGES:
            self.fail("invalid", value=shown(data))
        return data


class AbsentField(serializers.Field[None, Any, None, Any]):
    """A known option that this server cannot honour: false and null say the same as leaving it out."""

    def to_internal_value(self, data: Any) -> None:
        """Refuse it.

        Raises: InvalidRequestError `unsupported_parameter`.
        """
        if data is not False:
            name = str(self.field_name)
            raise InvalidRequestError(
                f"{name} is not supported here. Leave it out.", code="unsupported_parameter", param=name
            )


# --- requests ---


class CreationSerializer(serializers.Serializer[Any]):
    """A body that asks for something to be made."""

    @property
    def wish(self) -> Wish:
        """What is asked for; `is_valid()` comes first."""
        raise NotImplementedError


class CreateImageSerializer(CreationSerializer):
    """The body of `POST /create/image`."""

    query = PromptField("query")
    model = ModelField()
    aspect = AspectField()
    speed = SpeedField("auto")

    @property
    def wish(self) -> Wish:
        """What is asked for; `is_valid()` comes first."""
        body = self.validated_data
        return Wish(Kind.IMAGE, body["query"], body["model"], body["aspect"], body["speed"])


class CreateVideoSerializer(CreationSerializer):
    """The body of `POST /create/video`: fast videos can cost the account reward points, so none by default."""

    query = PromptField("query")
    speed = SpeedField("standard")

    @property
    def wish(self) -> Wish:
        """What is asked for; `is_valid()` comes first."""
        return Wish(Kind.VIDEO, self.validated_data["query"], speed=self.validated_data["speed"])


class ImageGenerationSerializer(CreationSerializer):
    """The body of OpenAI's `images/generations`; there null means the default."""

    prompt = PromptField("prompt")
    model = OpenAIModelField()
    n = CountField(required=False, allow_null=True)
    size = SizeField(required=False, allow_null=True)
    response_format = ChoiceField(
        "response_format", "Use url or b64_json.", {"url": "url", "b64_json": "b64_json"}, allow_null=True
    )
    stream = AbsentField(required=False, allow_null=True)
    partial_images = AbsentField(required=False, allow_null=True)

    @property
    def wish(self) -> Wish:
        """What is asked for: one DALL-E generation makes four pictures, the other models one each."""
        body = self.validated_data
        model = body["model"] or "DALLE"
        count = 1 if MODELS[model].image_count >= MAX_IMAGES else self.image_count
        return Wish(Kind.IMAGE, body["prompt"], model, body.get("size") or "SQUARE", count=count)

    @property
    def image_count(self) -> int:
        """At most so many pictures are answered."""
        return int(self.validated_data.get("n") or 1)

    @property
    def is_inline(self) -> bool:
        """Whether the pictures themselves are asked for."""
        wanted = self.validated_data.get("response_format") or DEFAULT_FORMATS.get(self.wish.model, "url")
        return bool(wanted == "b64_json")


# --- the list's query ---


class TaskQuery:
    """`GET /tasks?status=&kind=&cursor=&limit=`, checked.

    Raises: InvalidRequestError that names the parameter.
    """

    def __init__(self, parameters: Any) -> None:
        for name in ("status", "kind", "cursor", "limit"):
            if len(parameters.getlist(name)) > 1:
                raise InvalidRequestError(f"{name} stands twice in the query.", param=name)
        self.states = self._choice(parameters, "status", STATES) or ()
        self.kind = self._choice(parameters, "kind", {str(kind): str(kind) for kind in Kind}) or ""
        self.before = None if "cursor" not in parameters else parse_cursor(parameters["cursor"])
        limit = parameters.get("limit", str(DEFAULT_LIMIT))
        if not _LIMIT.fullmatch(limit) or int(limit) > MAX_LIMIT:
            raise InvalidRequestError(f"Invalid limit: {shown(limit)}. Use 1 to {MAX_LIMIT}.", param="limit")
        self.limit = int(limit)

    @staticmethod
    def _choice(parameters: Any, name: str, choices: Mapping[str, Any]) -> Any:
        given = parameters.get(name)
        if given is None:
            return None
        if given not in choices:
            raise InvalidRequestError(f"Invalid {name}: {shown(given)}. Use {' or '.join(choices)}.", param=name)
        return choices[given]


def build_cursor(task: Task) -> str:
    """Where a page of the list ended: opaque to callers."""
    microseconds = (task.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(_CURSOR.pack(microseconds, task.pk.bytes)).decode("ascii")


def parse_cursor(text: str) -> tuple[datetime, uuid.UUID]:
    """Time and id of the last task seen.

    Raises: InvalidRequestError.
    """
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        microseconds, task_id = _CURSOR.unpack(raw)
        return _EPOCH + timedelta(microseconds=microseconds), uuid.UUID(bytes=task_id)
    except (UnicodeEncodeError, binascii.Error, struct.error, OverflowError):
        raise InvalidRequestError("The cursor is not one of this list. Start without it.", param="cursor") from None


# --- answers ---


def image_urls(task: Task) -> list[str]:
    """Its pictures' addresses; only a completed picture task has any."""
    if task.kind != Kind.IMAGE or task.state != State.COMPLETED:
        return []
    return [result.url for result in task.results.all()]


def show_task(task: Task) -> dict[str, Any]:
    """A task as `GET /task/:id` has it; reads its pictures unless they were read before."""
    failure = failure_of(task)
    kind, _status, code = (None, 0, None) if failure is None else BING_CREATE.row(failure.code)
    return {
        "id": str(task.pk),
        "status": task.status,
        "prompt": task.prompt,
        "video": task.video_url or None,
        "error": failure.message if failure else None,
        "createdAt": iso(task.created_at),
        "completedAt": iso(task.finished_at) if task.finished_at else None,
        "kind": task.kind,
        "images": image_urls(task),
        "state": task.state,
        "errorType": kind,
        "errorCode": code,
    }


def show_images(task: Task) -> dict[str, Any]:
    """The pictures of a completed task as `POST /create/image` has them; reads them unless they were read before."""
    return {
        "images": image_urls(task),
        "prompt": task.revised_prompt or task.prompt,
        "model": task.model,
        "aspect": task.aspect,
        "taskId": str(task.pk),
    }


def show_accepted(task: Task) -> dict[str, Any]:
    """A task that goes on, for a caller who comes back for it."""
    return {"taskId": str(task.pk), "prompt": task.prompt}


def show_generation(
    first: Task, found: Sequence[tuple[Task, str]], contents: Sequence[bytes | None]
) -> dict[str, Any]:
    """Pictures as OpenAI's clients know them.

    Shape: `found` pairs tasks and addresses; `contents` holds each picture's bytes when bytes are asked for, None for
    one that could not be had, which is left out.
    """
    pictures: list[dict[str, str]] = []
    for index, (task, url) in enumerate(found):
        content = contents[index] if contents else b""
        if content is None:
            continue
        picture = {"b64_json": base64.b64encode(content).decode("ascii")} if contents else {"url": url}
        pictures.append(picture | {"revised_prompt": task.revised_prompt or task.prompt})
    return {"created": int(first.created_at.timestamp()), "data": pictures}
