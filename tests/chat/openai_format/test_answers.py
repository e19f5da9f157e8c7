"""OpenAI's objects as they are sent: null and absent keys are different things to clients."""

from __future__ import annotations

import msgspec

from chat.openai_format.answers import AnswerMessage, ChunkDelta


def test_a_message_without_reasoning_has_no_key_for_it() -> None:
    sent = msgspec.json.encode(AnswerMessage("assistant", "Hi", None, [], []))
    assert sent == b'{"role":"assistant","content":"Hi","refusal":null,"annotations":[],"suggested_responses":[]}'
    sent = msgspec.json.encode(AnswerMessage("assistant", "Hi", None, [], [], "Hm."))
    assert sent.endswith(b'"suggested_responses":[],"reasoning_content":"Hm."}')


def test_a_delta_has_only_what_was_added() -> None:
    assert msgspec.json.encode(ChunkDelta()) == b"{}"
    assert msgspec.json.encode(ChunkDelta("assistant", "")) == b'{"role":"assistant","content":""}'
    assert msgspec.json.encode(ChunkDelta(reasoning_content="Hm")) == b'{"reasoning_content":"Hm"}'
