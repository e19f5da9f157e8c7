"""The records Bing Chat sends in one turn, as text; each ends with the separator 0x1E.

Source: docs/wire/chathub.md, its section on incoming records.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

SEPARATOR = "\x1e"
ACK = "{}" + SEPARATOR
PING = '{"type":6}' + SEPARATOR
SERVICE_VERSION = "20240203.1"
Values = dict[str, Any]

APOLOGY_TEXT = "Sorry, that is a subject the sandbox would rather not talk about."
LIMIT_TEXT = "This conversation has reached its limit. Please start another one."
SOURCES = (
    ("Sandbox almanac", "https://sandbox.test/almanac?page=1&day=2"),
    ("Notes of a tide watcher", "https://sandbox.test/tides_(notes)"),
    ("Dünen & Meer", "https://sandbox.test/d%C3%BCnen"),
)
SUGGESTIONS = ("Say that in one sentence", "Why is that so?", "What else should I know?")


def encode(value: Any) -> str:
    """Encode a value as one record."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + SEPARATOR


def escape(text: str) -> str:
    """Escape a text for a record. Escaped pieces can be joined like the texts themselves."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def iso(seconds: float) -> str:
    """Format a time as Bing does."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class Records:
    """Builds the records of one turn."""

    def __init__(
        self, *, conversation_id: str, invocation_id: str, request_id: str, now: float, expires: float
    ) -> None:
        self.conversation_id = conversation_id
        self.invocation_id = invocation_id
        self.request_id = request_id
        self.at = iso(now)
        self.expires = iso(expires)
        self.used = 0
        self.limit = 0

    # -- messages ------------------------------------------------------------------------------------------------

    def message(self, **fields: Any) -> Values:
        """Return a message of the bot with the fields that all have."""
        return {"author": "bot", "createdAt": self.at, "requestId": self.request_id, "offense": "None"} | fields

    def user(self, text: str) -> Values:
        """Return the echo of the caller's own message."""
        message = self.message(text=text, messageId=f"u-{self.request_id}", contentOrigin="cib", locale="en-us")
        return message | {"author": "user", "nlu": {"scoredClassification": {"classification": "CHAT_GPT"}}}

    def answer(self, text: str, message_id: str, *, with_picture: bool = False, **fields: Any) -> Values:
        """Return the answer: no messageType, its text also on a card."""
        blocks: list[Values] = [{"type": "TextBlock", "text": text + "\n", "wrap": True}]
        if with_picture:
            blocks.insert(0, {"type": "Image", "url": "https://sandbox.test/picture.jpg"})
        cards = [{"type": "AdaptiveCard", "version": "1.0", "body": blocks}]
        message = self.message(text=text, messageId=message_id, contentOrigin="DeepLeo", adaptiveCards=cards)
        return message | {"feedback": {"tag": None, "updatedOn": None, "type": "None"}} | fields

    def apology(self, message_id: str) -> Values:
        """Return the text that replaces an answer."""
        return self.message(text=APOLOGY_TEXT, messageId=message_id, contentOrigin="Apology")

    def limiter(self) -> Values:
        """Return the message of a full conversation."""
        return self.message(text=LIMIT_TEXT, messageId=f"t-{self.request_id}", contentOrigin="TurnLimiter")

    def disengaged(self) -> Values:
        """Return the message, without a text, that closes a conversation."""
        return self.message(
            messageType="Disengaged", messageId=f"d-{self.request_id}", contentOrigin="DeepLeo",
            hiddenText="> Conversation disengaged", invocation="withdraw()",
        )  # fmt: skip

    def card(self) -> Values:
        """Return a request to show a card, which is not the answer even if it is the last message."""
        return self.message(
            messageType="RenderCardRequest", messageId=f"c-{self.request_id}", contentOrigin="DeepLeo",
            text="a card, not the answer", hiddenText='{"cards":[]}',
        )  # fmt: skip

    def picture(self, prompt: str) -> Values:
        """Return the announcement of a picture, which is fetched separately."""
        return self.message(
            messageType="GenerateContentQuery", messageId=f"g-{self.request_id}", contentType="IMAGE", text=prompt,
            contentOrigin="DeepLeo", invocation=f"graphic_art(prompt={json.dumps(prompt, ensure_ascii=False)})",
        )  # fmt: skip

    def search(self, query: str) -> list[Values]:
        """Return the three messages of a search: the query, the results, and that an answer follows."""
        invocation = f"search_web(query={json.dumps(query, ensure_ascii=False)})"
        found = [
            {"title": title, "url": url, "snippets": [f"{title} on {query}"], "data": None, "context": None}
            for title, url in SOURCES
        ]
        grounding = {"web_search_results": found}
        same = {"invocation": invocation, "contentOrigin": "DeepLeo"}
        return [
            self.message(messageType="InternalSearchQuery", text=f"Searching the web for: `{query}`",
                         hiddenText=query, messageId=f"q-{self.request_id}", **same),
            self.message(messageType="InternalSearchResult", text=json.dumps(grounding, ensure_ascii=False),
                         hiddenText=f"```json {json.dumps(grounding)}```", groundingInfo=grounding,
                         messageId=f"s-{self.request_id}", **same),
            self.message(messageType="InternalLoaderMessage", text="Generating answers for you...",
                         messageId=f"l-{self.request_id}", contentOrigin="DeepLeo"),
        ]  # fmt: skip

    def suggestions(self) -> list[Values]:
        """Return suggested questions."""
        return [
            {"text": text, "author": "user", "messageType": "Suggestion", "messageId": f"n{number}-{self.request_id}",
             "contentOrigin": "SuggestionChipsFalconService", "createdAt": self.at}
            for number, text in enumerate(SUGGESTIONS)
        ]  # fmt: skip

    @staticmethod
    def attributions(query: str) -> list[Values]:
        """Return the sources of the marks `[^n^]`, in order."""
        return [{"providerDisplayName": title, "seeMoreUrl": url, "searchQuery": query} for title, url in SOURCES]

    # -- records -------------------------------------------------------------------------------------------------

    @property
    def throttling(self) -> Values:
        """Return the counts of used and allowed turns."""
        return {
            "maxNumUserMessagesInConversation": self.limit,
            "numUserMessagesInConversation": self.used,
            "maxNumLongDocSummaryUserMessagesInConversation": 50,
            "numLongDocSummaryUserMessagesInConversation": 0,
        }

    def update(self, *messages: Values, **fields: Any) -> str:
        """Return a type 1 with messages; without any, the key is missing."""
        argument: Values = {"requestId": self.request_id, **fields}
        if messages:
            argument["messages"] = list(messages)
        return encode({"type": 1, "target": "update", "arguments": [argument]})

    def text_update(
        self, message_id: str, *, before: Sequence[Values] = (), after: Sequence[Values] = ()
    ) -> tuple[str, str]:
        """Return the parts of an update before and after its escaped text, so that a chunk costs one concatenation."""
        mark = "\x00"
        message = self.message(text=mark, messageId=message_id, contentOrigin="DeepLeo")
        head, tail = self.update(*before, message, *after).split(escape(mark))
        return head, tail

    def final(self, messages: list[Values], *, message: str | None = None) -> str:
        """Return the type 2 of a successful turn; `result.message` is the last message's text, not the answer."""
        last = messages[-1].get("text") if messages else None
        return self._completed(
            {
                "messages": messages,
                "firstNewMessageIndex": 1,
                "defaultChatName": None,
                "conversationExpiryTime": self.expires,
                "shouldInitiateConversation": True,
                "throttling": self.throttling,
            },
            {"value": "Success", "message": last if message is None else message},
        )

    def refusal(self, value: str, message: str, *, with_error: bool = True, conversation_id: str | None = None) -> str:
        """Return the type 2 of a refused turn, without messages and throttling."""
        result = {"value": value, "message": message} | ({"error": message} if with_error else {})
        changed = {} if conversation_id is None else {"conversationId": conversation_id}
        return self._completed({"firstNewMessageIndex": None} | changed, result)

    def without_result(self) -> str:
        """Return a type 2 without its result."""
        return encode({"type": 2, "invocationId": self.invocation_id, "item": {"requestId": self.request_id}})

    def completion(self, error: str | None = None) -> str:
        """Return a type 3."""
        return encode({"type": 3, "invocationId": self.invocation_id} | ({"error": error} if error else {}))

    @staticmethod
    def close(error: str = "Connection closed with an error.") -> str:
        """Return a type 7."""
        return encode({"type": 7, "error": error, "allowReconnect": True})

    def _completed(self, fields: Values, result: Values) -> str:
        item: Values = {"conversationId": self.conversation_id, "requestId": self.request_id} | fields
        item |= {"telemetry": {"startTime": self.at}, "result": result | {"serviceVersion": SERVICE_VERSION}}
        return encode({"type": 2, "invocationId": self.invocation_id, "item": item})
