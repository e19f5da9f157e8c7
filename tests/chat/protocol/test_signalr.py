"""SignalR records and frames."""

from __future__ import annotations

import pytest

from bingproject.errors import UnexpectedResponseError
from chat.protocol.failures import ErrorFactory
from chat.protocol.signalr import HANDSHAKE, PING, SEPARATOR, Decoder, encode


def test_the_handshake_and_the_ping() -> None:
    """They are sent byte for byte as they were seen."""
    assert HANDSHAKE == '{"protocol":"json","version":1}\x1e'
    assert PING == '{"type":6}\x1e'


def test_encode_keeps_characters() -> None:
    """A record is UTF-8 JSON with one separator at its end; a separator in a text is escaped."""
    assert encode({"text": "é\u202e\x1e"}) == '{"text":"é\u202e\\u001e"}' + SEPARATOR


def test_many_records_in_one_frame() -> None:
    """Each is returned in order without its separator; empty ones are not."""
    assert Decoder().feed("{}\x1e\x1e[1]\x1e") == [b"{}", b"[1]"]


def test_a_record_in_many_frames() -> None:
    """The rest waits, also if a frame ends one record and begins the next."""
    decoder = Decoder()
    assert decoder.feed('{"a"') == []
    assert decoder.feed("") == []
    assert decoder.feed(":1") == []
    assert decoder.feed('}\x1e{"b"') == [b'{"a":1}']
    assert decoder.feed(b"\x1e") == [b'{"b"']
    assert decoder.feed("\x1e") == []


def test_a_character_in_two_frames() -> None:
    """Bytes are joined before they are decoded."""
    content = "é\x1e".encode()
    decoder = Decoder()
    assert decoder.feed(content[:1]) == []
    assert decoder.feed(content[1:]) == ["é".encode()]


def test_a_record_without_end_is_an_error() -> None:
    """Only the incomplete record counts, so that many short records are no long one."""
    decoder = Decoder(limit_bytes=10)
    for _ in range(5):
        assert decoder.feed("12345\x1e1234") != []
    assert decoder.feed("567890") == []
    with pytest.raises(UnexpectedResponseError, match="cannot read") as caught:
        decoder.feed("1")
    assert caught.value.code == "upstream_protocol_error"


def test_the_error_names_the_back_end() -> None:
    """Both ChatHubs send SignalR records."""
    with pytest.raises(UnexpectedResponseError, match=r"^Microsoft 365 Copilot answered"):
        Decoder(limit_bytes=1, errors=ErrorFactory("Microsoft 365 Copilot")).feed("12")
