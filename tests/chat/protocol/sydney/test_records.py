"""Records as values: what only Bing's have."""

from __future__ import annotations

import pytest

from chat.protocol.sydney.records import Message, Update, parse_record


@pytest.mark.parametrize("odd", [b"", b"7,"])
def test_searches_and_sources(odd: bytes) -> None:
    """The quick way reads them, and so does the slow one."""
    message = b'{"hiddenText":"tides","invocation":"search()","groundingInfo":{"a":[]},"sourceAttributions":[{}]}'
    record = parse_record(b'{"type":1,"arguments":[{"messages":[' + odd + message + b'],"throttling":{}}]}')
    assert record is not None
    heard = Message(hidden_text="tides", invocation="search()", grounding_info={"a": []}, source_attributions=[{}])
    assert record.arguments == [Update([heard], {})]
