"""The records of a turn."""

from __future__ import annotations

import json

from bingproject.sandbox.chat.signalr_records import SEPARATOR, Records, encode, escape


def records() -> Records:
    """Records of a turn at the beginning of time."""
    made = Records(conversation_id="c", invocation_id="0", request_id="r", now=0.0, expires=60.0)
    made.used, made.limit = 2, 30
    return made


def test_every_record_ends_with_the_separator() -> None:
    """And holds none before its end."""
    made = records()
    for text in (
        made.update(),
        made.final([]),
        made.completion(),
        made.close(),
        made.refusal("a", "b"),
        encode("\x1e"),
    ):
        assert text.index(SEPARATOR) == len(text) - 1


def test_a_chunk_fits_between_the_halves_of_an_update() -> None:
    """What is escaped and put between them is the update with that text."""
    made = records()
    head, tail = made.text_update("b", before=[made.card()], after=[made.disengaged()])
    update = json.loads((head + escape('a"\n') + tail)[:-1])
    assert [one.get("text") for one in update["arguments"][0]["messages"]] == ["a card, not the answer", 'a"\n', None]


def test_an_update_without_messages_has_no_such_key() -> None:
    """Throttling may stand alone."""
    argument = json.loads(records().update(throttling=records().throttling)[:-1])["arguments"][0]
    assert argument["throttling"]["numUserMessagesInConversation"] == 2
    assert "messages" not in argument


def test_a_final_record_says_when_the_conversation_ends() -> None:
    """Its shape is that of recorded ones, and the result's message is the last message's text."""
    made = records()
    item = json.loads(made.final([made.user("hi"), made.answer("yes", "b"), made.card()])[:-1])["item"]
    assert set(item) == {
        "messages", "firstNewMessageIndex", "defaultChatName", "conversationId", "requestId", "conversationExpiryTime",
        "shouldInitiateConversation", "telemetry", "throttling", "result",
    }  # fmt: skip
    assert (item["conversationExpiryTime"], item["firstNewMessageIndex"]) == ("1970-01-01T00:01:00+00:00", 1)
    assert (item["result"]["value"], item["result"]["message"]) == ("Success", "a card, not the answer")


def test_a_refusal_lacks_messages() -> None:
    """Neither messages nor throttling; `error` only where it was seen."""
    item = json.loads(records().refusal("InvalidSession", "gone", with_error=False, conversation_id="d")[:-1])["item"]
    assert set(item) == {"firstNewMessageIndex", "conversationId", "requestId", "telemetry", "result"}
    assert (item["conversationId"], set(item["result"])) == ("d", {"value", "message", "serviceVersion"})
    assert "error" in records().refusal("Throttled", "slow")
