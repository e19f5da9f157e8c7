"""Records as values: what only Microsoft 365's have."""

from __future__ import annotations

import json

from chat.protocol.m365.records import Message, parse_record


def test_wrong_types_are_left_out() -> None:
    """Elements of a list that are no objects go, the others stay."""
    update = {"messages": [7, {"author": "bot", "text": 7}], "writeAtCursor": "x", "references": {}, "throttling": 1}
    record = parse_record(json.dumps({"type": 1, "target": "update", "arguments": ["odd", update]}).encode())
    assert record is not None
    [argument] = record.arguments or []
    assert argument.messages == [Message(text=7, author="bot")]
    assert (argument.write_at_cursor, argument.references, argument.throttling) == ("x", {}, 1)


def test_half_characters() -> None:
    """They stay at the cursor, where the next piece may complete them, and nowhere else."""
    fields = {"arguments": [{"writeAtCursor": "a\ud83c", "messages": [{"text": "b\ud83c"}]}]}
    record = parse_record(json.dumps(fields).encode())
    assert record is not None
    [update] = record.arguments or []
    assert (update.write_at_cursor, [message.text for message in update.messages or []]) == ("a\ud83c", ["b"])
