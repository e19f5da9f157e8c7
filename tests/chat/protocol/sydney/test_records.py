"""The parts of records that only Bing has."""

from __future__ import annotations

import pytest

from chat.protocol.sydney.records import SydneyMessage, SydneyUpdate, parse_record


@pytest.mark.parametrize("odd", [b"", b"7,"])
def test_searches_and_sources(odd: bytes) -> None:
    """The strict decoder and the tolerant parser both read them."""
    message = b'{"hiddenText":"tides","invocation":"search()","groundingInfo":{"a":[]},"sourceAttributions":[{}]}'
    record = parse_record(b'{"type":1,"arguments":[{"messages":[' + odd + message + b'],"throttling":{}}]}')
    assert record is not None
    heard = SydneyMessage(
        hidden_text="tides", invocation="search()", grounding_info={"a": []}, source_attributions=[{}]
    )
    assert record.arguments == [SydneyUpdate([heard], {})]


def test_nul_is_removed_from_texts() -> None:
    """No database column takes it."""
    record = parse_record(b'{"type":1,"target":"update","arguments":[{"messages":[{"text":"a\\u0000b"}]}]}')
    assert record is not None
    assert record.arguments is not None
    assert [message.text for message in record.arguments[0].messages or []] == ["ab"]
