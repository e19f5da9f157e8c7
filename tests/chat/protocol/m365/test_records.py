"""The parts of records that only Microsoft 365 has."""

from __future__ import annotations

import json

from chat.protocol.m365.records import M365Message, parse_record


def test_wrong_types_are_left_out() -> None:
    """Elements of a list that are no objects are removed, and the others stay."""
    update = {"messages": [7, {"author": "bot", "text": 7}], "writeAtCursor": "x", "references": {}, "throttling": 1}
    record = parse_record(json.dumps({"type": 1, "target": "update", "arguments": ["odd", update]}).encode())
    assert record is not None
    [argument] = record.arguments or []
    assert argument.messages == [M365Message(text=7, author="bot")]
    assert (argument.write_at_cursor, argument.references, argument.throttling) == ("x", {}, 1)


def test_lone_surrogates_stay_at_the_cursor_only() -> None:
    """The next piece may complete them; in other texts nothing can."""
    fields = {"arguments": [{"writeAtCursor": "a\ud83c", "messages": [{"text": "b\ud83c"}]}]}
    record = parse_record(json.dumps(fields).encode())
    assert record is not None
    [update] = record.arguments or []
    assert (update.write_at_cursor, [message.text for message in update.messages or []]) == ("a\ud83c", ["b"])


def test_nul_is_removed_from_texts() -> None:
    """No database column takes it."""
    record = parse_record(b'{"type":1,"target":"update","arguments":[{"messages":[{"text":"a\\u0000b"}]}]}')
    assert record is not None
    assert record.arguments is not None
    assert [message.text for message in record.arguments[0].messages or []] == ["ab"]
