"""Records and frames."""

from __future__ import annotations

import pytest

from bingproject.errors import UnexpectedResponseError
from chat.protocol.signalr import HANDSHAKE, PING, SEPARATOR, Decoder, encode


def test_what_is_sent_first() -> None:
    """The handshake and the ping, byte for byte."""
    assert HANDSHAKE == '{"protocol":"json","version":1}\x1e'
    assert PING == '{"type":6}\x1e'


def test_encode_keeps_characters() -> None:
    """A record is JSON in UTF-8 with one separator at its end; one within the text is escaped."""
    assert encode({"text": "é\u202e\x1e"}) == '{"text":"é\u202e\\u001e"}' + SEPARATOR


def test_many_records_in_one_frame() -> None:
    """Each is given, in order, without its separator; empty ones are not."""
    assert Decoder().feed("{}\x1e\x1e[1]\x1e") == [b"{}", b"[1]"]


def test_a_record_in_many_frames() -> None:
    """The rest waits, also when a frame ends one record and begins the next."""
    decoder = Decoder()
    assert decoder.feed('{"a"') == []
    assert decoder.feed("") == []
    assert decoder.feed(":1") == []
    assert decoder.feed('}\x1e{"b"') == [b'{"a":1}']
    assert decoder.feed(b"\x1e") == [b'{"b"']
    assert decoder.feed("\x1e") == []


def test_a_character_in_two_frames() -> None:
    """Bytes are joined before anything reads them."""
    content = "é\x1e".encode()
    decoder = Decoder()
    assert decoder.feed(content[:1]) == []
    assert decoder.feed(content[1:]) == ["é".encode()]


def test_a_record_without_end_is_given_up() -> None:
    """Only the unfinished part counts, so that many short records are no long one."""
    decoder = Decoder(limit_bytes=10)
    for _ in range(5):
        assert decoder.feed("12345\x1e1234") != []
    assert decoder.feed("567890") == []
    with pytest.raises(UnexpectedResponseError, match="cannot read") as caught:
        decoder.feed("1")
    assert caught.value.code == "upstream_protocol_error"
