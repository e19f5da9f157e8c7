"""Bodies: what is read, and everything that is refused."""

from __future__ import annotations

import json

import pytest

from bingproject.api.request_body import FORM_TYPE, JSON_TYPE, canonical_text, parse_body
from bingproject.errors import InvalidRequestError


def read(content: bytes, content_type: str = JSON_TYPE, **options: str) -> dict[str, object]:
    """The body, on a route that takes forms too."""
    return parse_body(content, content_type, **options, takes_forms=True)


def test_no_body_is_an_empty_one() -> None:
    """Nothing sent, whatever its type is called, is `{}`."""
    assert read(b"") == read(b"", "text/html") == read(b"", "") == {}


def test_keeps_types_as_sent() -> None:
    """true is not 1, 1.0 is not 1, null is there."""
    found = read(b'{"a": true, "b": 1.0, "c": 1, "d": null, "e": "1", "f": [], "g": {}}')
    assert [type(value).__name__ for value in found.values()] == [
        "bool", "float", "int", "NoneType", "str", "list", "dict",
    ]  # fmt: skip


def test_keeps_text_byte_exact() -> None:
    """Emoji, right-to-left marks, escapes and white space come through as they are."""
    prompt = "  \u202e\u05e9\u05dc\u05d5\u05dd 🦊 e\u0301\t\u043d\u0435\u0442\u2028\U0001f468\u200d\U0001f469 "
    for ensure_ascii in (True, False):
        body = json.dumps({"query": prompt}, ensure_ascii=ensure_ascii).encode()
        assert read(body, "application/json; charset=UTF-8") == {"query": prompt}


def test_reads_forms() -> None:
    """Names and values decoded; a name without a value is blank."""
    assert read("query=a+fox%20%F0%9F%A6%8A&model=é&blank&empty=".encode(), f"{FORM_TYPE}; charset=utf-8") == {
        "query": "a fox 🦊",
        "model": "é",
        "blank": "",
        "empty": "",
    }


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (b"{", None), (b" ", None), (b"nul", None), (b'{"a": 1} x', None), (b'{"a": 1,}', None), (b"{'a': 1}", None),
        (b"[]", None), (b"[1]", None), (b'"text"', None), (b"1", None), (b"null", None), (b"true", None),
        (b"\xff\xfe", None), (b'{"a": "\xff"}', None), (b"\xef\xbb\xbf{}", None), ('{"a": 1}'.encode("utf-16"), None),
        (b'{"a": 1, "a": 2}', "a"), (b'{"a": {"b": 1, "b": 1}}', "a"), (b'[{"a": 1, "a": 1}]', None),
        (b'{"a": NaN}', "a"), (b'{"a": [Infinity]}', "a"), (b'{"a": {"b": -Infinity}}', "a"), (b"NaN", None),
        (b'{"a": 1e999}', "a"), (b'{"a": ' + b"9" * 101 + b"}", "a"), (b'{"a": ' + b"9" * 5000 + b"}", "a"),
        (b'{"a": "\\u0000"}', "a"), (b'{"a": "\\ud800"}', "a"), (b'{"a": "\\udc00x"}', "a"), (b'{"a\\u0000": 1}', None),
        (b'{"\\ud83d": 1}', None), (b'{"a": [[["\\ud800"]]]}', "a"), (b'{"a": {"\\u0000": 1}}', "a"),
        (b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}", "a"), (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
        (b"[" * 500_000, None), (b'{"a":' * 100_000, None), (b'{"\\u0007": 1, "\\u0007": 2}', None),
        (b'{"a": "\x00"}', None), (b'{"a": "\n"}', None),
    ],
)  # fmt: skip
def test_refuses_what_could_be_read_in_two_ways(content: bytes, param: str | None) -> None:
    """400 `invalid_value`, naming the field where there is one."""
    with pytest.raises(InvalidRequestError) as caught:
        read(content)
    assert (caught.value.code, caught.value.param) == ("invalid_value", param)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("content", "param"),
    [(b"a=1&a=2", "a"), (b"a=1&a=1", "a"), (b"a=%00", "a"), (b"a=%ed%a0%80", None), (b"a=%ff", None), (b"a=\xff", None),
     (b"%00=1", None), (b"&".join(b"a%d=1" % number for number in range(1001)), None)],
)  # fmt: skip
def test_refuses_the_same_in_forms(content: bytes, param: str | None) -> None:
    """A repeated name, a NUL, half a surrogate pair, bytes that are no UTF-8, names without end."""
    with pytest.raises(InvalidRequestError) as caught:
        read(content, FORM_TYPE)
    assert (caught.value.code, caught.value.param) == ("invalid_value", param)


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "text/json", "application/xml", "multipart/form-data; boundary=x", "application/jsonx", "json",
     "application/json; charset=latin-1", "application/json; charset=utf-16", "application/json, text/plain", ";"],
)  # fmt: skip
def test_takes_no_other_type(content_type: str) -> None:
    """Anything but JSON and forms, or another character set, is 415."""
    with pytest.raises(InvalidRequestError) as caught:
        read(b"{}", content_type)
    assert caught.value.code == "unsupported_media_type"


def test_takes_forms_only_where_the_contract_does() -> None:
    """On the OpenAI routes a form is 415."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_body(b"a=1", FORM_TYPE, takes_forms=False)
    assert caught.value.code == "unsupported_media_type"


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_takes_nothing_compressed(encoding: str) -> None:
    """A small body could unpack to a huge one."""
    assert read(b"{}", content_encoding=" Identity ") == {}
    with pytest.raises(InvalidRequestError) as caught:
        read(b"{}", content_encoding=encoding)
    assert caught.value.code == "unsupported_media_type"


def test_reads_the_largest_body_it_may_get() -> None:
    """A megabyte of text, or of small values, is read whole."""
    assert len(str(read(json.dumps({"query": "🦊" * 80_000}).encode())["query"])) == 80_000
    assert len(list(read(b'{"a": [' + b"1," * 500_000 + b"1]}")["a"])) == 500_001  # type: ignore[call-overload]


@pytest.mark.parametrize("value", ["[]", "{}", "0", '""', "null", "[[[[0]]]]"])
def test_refuses_very_many_values(value: str) -> None:
    """A large body of small values, in a field that nobody reads too: refused before it is parsed."""
    content = b'{"query": "a fox", "unknown": [' + b",".join([value.encode()] * (8_000_000 // (len(value) + 1))) + b"]}"
    with pytest.raises(InvalidRequestError, match="too many values") as caught:
        read(content)
    assert caught.value.code == "invalid_value"


def test_marks_within_texts_are_no_values() -> None:
    """A long text may consist of them, escaped quotes and all."""
    text = ",[]{}:" * 1_000_000
    assert read(json.dumps({"query": text}).encode())["query"] == text
    text = '",[' * 1_000_000
    assert read(json.dumps({"query": text}).encode())["query"] == text


def test_reads_the_largest_chats() -> None:
    """Pictures and long histories up to the limit of a chat's body have few values."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 7_800_000}}
    body = {"messages": [{"role": "user", "content": [picture, {"type": "text", "text": "What is this?"}]}]}
    assert read(json.dumps(body).encode()) == body
    body = {"messages": [{"role": "user", "content": "word " * 5}] * 100_000}
    content = json.dumps(body).encode()
    assert 5_000_000 < len(content) < 8_388_608
    assert read(content) == body


def test_equal_bodies_have_one_canonical_text() -> None:
    """Neither the order of keys nor white space counts; lists keep theirs, and 1 is not 1.0."""
    first, second = (read(content) for content in (b'{"a": 1, "b": {"d": [2, 1], "c": null}}',
                                                   b'{ "b":{"c":null,"d":[2,1]}, "a":1 }'))  # fmt: skip
    assert canonical_text(first) == canonical_text(second) == '{"a":1,"b":{"c":null,"d":[2,1]}}'
    assert canonical_text({"a": [1, 2]}) != canonical_text({"a": [2, 1]})
    assert canonical_text({"a": 1}) != canonical_text({"a": 1.0})
    assert canonical_text({"query": "ä 🦊"}) == '{"query":"ä 🦊"}'
