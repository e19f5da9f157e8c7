"""Parse request bodies strictly: refuse everything that two parsers could read differently.

Pure functions from bytes and header values to a dict. Types stay as sent, so that serializers can refuse `true` or
`1.0`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from bingproject.errors import InvalidRequestError

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
CHARSETS = ("", "utf-8", "utf8", "us-ascii", "ascii")
MAX_DEPTH = 64
MAX_FORM_FIELDS = 1000
# A value of two bytes takes up to a hundred times as much once it is an object of Python's. A body of 1 MiB cannot hold
# more than these; larger ones are for pictures and long texts.
MAX_ELEMENTS = 600_000
COUNTED_FROM_BYTES = 1024 * 1024
MAX_NUMBER_CHARACTERS = 400
# A JSON string, terminated or not: it always matches, so that finding all strings is one pass.
_JSON_TEXT = re.compile(rb'"(?:[^"\\]+|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_UNCARRIED = re.compile("[\x00\ud800-\udfff]")


class _Fault:
    """Takes the place of a refused value in a parsed body until the walk over it knows the field's name."""

    __slots__ = ("key", "text")

    def __init__(self, text: str, key: str = "") -> None:
        self.text = text
        self.key = key


def parse_body(content: bytes, content_type: str, content_encoding: str = "", *, takes_forms: bool) -> dict[str, Any]:
    """Return the body as a dict; without a body, an empty one.

    Raises:
        InvalidRequestError: `unsupported_media_type` if it is neither JSON nor, where allowed, a form; else
            `invalid_value`, with the field in `param` where it is known.
    """
    if not content:
        return {}
    media_type, charset = read_content_type(content_type)
    allowed = (JSON_TYPE, FORM_TYPE) if takes_forms else (JSON_TYPE,)
    is_plain = content_encoding.strip().lower() in ("", "identity")
    if media_type not in allowed or charset not in CHARSETS or not is_plain:
        raise InvalidRequestError(
            f"Send the body as {' or '.join(allowed)}, in UTF-8, not compressed.", code="unsupported_media_type"
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequestError("The body is not valid UTF-8.") from None
    if media_type == FORM_TYPE:
        return _parse_form(text)
    _check_elements(content)
    return _parse_json(text)


def canonical_text(body: Any) -> str:
    """Return the body as JSON text that is the same for equal bodies, whatever the order of their keys."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read_content_type(content_type: str) -> tuple[str, str]:
    """Return (media type, charset), both in lower case; a charset that is given twice or in another form is "unknown".

    The standard library's parser needs more than linear time, and no other parameter matters.
    """
    essence, *parameters = content_type.split(";")
    charsets = [value for name, value in map(_parameter, parameters) if name.partition("*")[0] == "charset"]
    return essence.strip().lower(), charsets[0] if len(charsets) == 1 else "unknown" if charsets else ""


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"').lower()


def _check_elements(content: bytes) -> None:
    """Refuse a large body of very many small values, which needs many times its size in memory."""
    if len(content) < COUNTED_FROM_BYTES:
        return
    outside = _JSON_TEXT.sub(b"", content)
    if sum(map(outside.count, (b",", b"[", b"{", b":"))) > MAX_ELEMENTS:
        raise InvalidRequestError(f"The body has too many values: {MAX_ELEMENTS:,} is the most.")


def _parse_json(text: str) -> dict[str, Any]:
    try:
        body = json.loads(
            text, object_pairs_hook=_object, parse_constant=_not_a_number, parse_float=_number, parse_int=_whole
        )
    except (ValueError, RecursionError):
        raise InvalidRequestError("The body is not valid JSON.") from None
    if isinstance(body, _Fault):
        _refuse(body, body.key)
    if not isinstance(body, dict):
        raise InvalidRequestError('The body must be a JSON object, e.g. {"query": "a red fox"}.')
    for key, value in body.items():
        _check_text(key, "")
        _check_value(value, key)
    return body


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """Return a JSON object; a repeated key is a fault, since parsers differ in which value they keep."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            return _Fault("The same key occurs twice in the body.", key)
        found[key] = value
    return found


def _not_a_number(_text: str) -> _Fault:
    return _Fault("NaN and Infinity are not JSON numbers.")


def _number(text: str) -> float | _Fault:
    value = float(text) if len(text) <= MAX_NUMBER_CHARACTERS else math.inf
    return value if math.isfinite(value) else _Fault("The number is too large.")


def _whole(text: str) -> int | _Fault:
    # Python raises above 4,300 digits; no field needs a hundredth of that.
    return int(text) if len(text) <= 100 else _Fault("The number is too large.")


def _check_value(value: Any, param: str) -> None:
    """Check texts, faults and depth of one field's value, without recursion."""
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            _check_text(item, param)
        elif isinstance(item, _Fault):
            _refuse(item, param)
        elif isinstance(item, dict | list):
            if depth > MAX_DEPTH:
                raise InvalidRequestError(f"{param} is nested too deeply.", param=param)
            children = [*item.keys(), *item.values()] if isinstance(item, dict) else item
            waiting.extend((child, depth + 1) for child in children)


def _check_text(text: str, param: str) -> None:
    """Refuse U+0000 and lone surrogates, which neither databases nor pages can hold."""
    if _UNCARRIED.search(text):
        _refuse(_Fault("Text must not contain U+0000 or lone surrogates."), param)


def _refuse(fault: _Fault, param: str) -> NoReturn:
    shown = param if param.isprintable() and len(param) <= 100 else ""
    raise InvalidRequestError(f"{shown}: {fault.text}" if shown else fault.text, param=shown or None)


def _parse_form(text: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise InvalidRequestError("The body is not a valid form in UTF-8.") from None
    body = _object(list(pairs))
    if isinstance(body, _Fault):
        _refuse(body, body.key)
    for key, value in pairs:
        _check_text(key, "")
        _check_text(value, key)
    return dict(pairs)
