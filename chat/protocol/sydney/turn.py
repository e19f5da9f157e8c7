"""One turn with Bing Chat: frames in, events out, records to send.

Source: docs/wire/chathub.md, sections 3, 5 and 6.
"""

from __future__ import annotations

from bingproject.errors import InvalidRequestError
from chat.protocol import signalr
from chat.protocol.catalogue import ModelSpec
from chat.protocol.chathub import HubTurn, parse_suggestions
from chat.protocol.events import Event, Prompt, Searching, Source, Sources, TextDelta
from chat.protocol.failures import BING, SessionEndedError
from chat.protocol.sydney.grounding import parse_citations, parse_query, parse_results
from chat.protocol.sydney.images import UploadedImage
from chat.protocol.sydney.invocation import build_invocation
from chat.protocol.sydney.records import Item, Message, Update, parse_record
from chat.protocol.sydney.session import Credentials
from chat.protocol.sydney.text import AnswerText

NORMAL_CLOSURE = 1000
# A socket that closes as if all were well, without an answer, means a prompt that was too long; a short one never is.
LONG_PROMPT_CHARACTERS = 16_000
# Seen, and of no use here; all others are counted.
IDLE_TYPES = frozenset(
    {
        "ActionRequest",
        "AdsQuery",
        "ChatName",
        "ConfirmationCard",
        "Context",
        "GenerateContentQuery",
        "GeneratedCode",
        "Internal",
        "InternalActionMarker",
        "InternalLoaderMessage",
        "InternalTasksMessage",
        "InvokeAction",
        "Progress",
        "RenderCardRequest",
        "RenderContentRequest",
        "SearchQuery",
        "SemanticSerp",
        "Suggestion",
    }
)


class Reply(HubTurn[Update, Message]):
    """One turn; how it is driven stands at `chat.protocol.events.Dialect`."""

    _text: AnswerText

    def __init__(
        self,
        credentials: Credentials,
        prompt: Prompt,
        model: ModelSpec,
        *,
        turn: int,
        request_id: str,
        trace_id: str,
        image: UploadedImage | None = None,
    ) -> None:
        invocation = build_invocation(
            credentials, prompt, model, turn=turn, request_id=request_id, trace_id=trace_id, image=image
        )
        question = signalr.encode(invocation)
        super().__init__(BING, parse_record, (signalr.PING, question), AnswerText())
        self._is_long = len(question) >= LONG_PROMPT_CHARACTERS
        self._searched: set[str] = set()
        self._citations: tuple[Source, ...] = ()
        self._is_full = False

    def closed(self, code: int) -> list[Event]:
        """The socket is gone.

        Raises: InvalidRequestError context_length_exceeded for a normal closure in answer to a long prompt, else as
        any other turn.
        """
        if code == NORMAL_CLOSURE and self._is_long and self.phase != "handshake" and not self.has_text:
            return self._give_up(
                InvalidRequestError(
                    "Bing did not take so long a text: this model's maximum context length is exceeded. Shorten it.",
                    code="context_length_exceeded",
                    param="messages",
                )
            )
        return super().closed(code)

    def _update(self, update: Update, events: list[Event]) -> None:
        if update.throttling is not None:
            self._note_throttling(update.throttling, events)
        for message in update.messages or []:
            self._hear(message, events)

    def _hear(self, message: Message, events: list[Event]) -> None:
        """Take one message of an update."""
        kind = message.message_type
        if message.author != "bot" or self._refusal.note(message):
            return
        if kind is None:
            self._answer(message, events, is_last=False)
        elif kind == "InternalSearchQuery":
            self._search(message, events)
        elif kind == "InternalSearchResult":
            self._find(message, events)
        elif not isinstance(kind, str) or kind not in IDLE_TYPES:
            self.skipped += 1

    def _answer(self, message: Message, events: list[Event], *, is_last: bool) -> None:
        if message.content_origin == "TurnLimiter":
            self._is_full = True
            if not self.has_text:
                raise SessionEndedError("TurnLimiter")
            return
        if message.source_attributions:
            self._citations = parse_citations(message) or self._citations
        if message.suggested_responses:
            self._suggestions = parse_suggestions(message) or self._suggestions
        if self._refusal.is_made or not isinstance(message.text, str):
            return
        take = self._text.settle if is_last else self._text.update
        delta = take(_key(message), message.text)
        if delta:
            events.append(TextDelta(delta))

    def _search(self, message: Message, events: list[Event]) -> None:
        query = parse_query(message)
        if query and self._is_new(message, query):
            events.append(Searching(query))

    def _find(self, message: Message, events: list[Event]) -> None:
        items = parse_results(message)
        if items and self._is_new(message, "results"):
            events.append(Sources(parse_query(message), items))

    def _is_new(self, message: Message, what: str) -> bool:
        """Whether this message says so for the first time: updates repeat theirs, and so does the end."""
        key = f"{_key(message)} {what}"
        is_new = key not in self._searched
        self._searched.add(key)
        return is_new

    def _complete(self, item: Item, events: list[Event]) -> None:
        self._check_result(item)
        self._note_throttling(item.throttling, events)
        messages = item.messages or []
        answers = [message for message in messages if message.author == "bot" and message.message_type is None]
        for message in messages:
            if message.message_type is not None:
                self._hear(message, events)
        # Earlier turns may stand here too: only the last message is this turn's answer.
        if answers and not self._refusal.note(answers[-1]):
            self._answer(answers[-1], events, is_last=True)

    def _sources(self) -> tuple[Source, ...]:
        return self._citations

    def _is_over(self) -> bool:
        return self._is_full or super()._is_over()


def _key(message: Message) -> str:
    return message.message_id if isinstance(message.message_id, str) else ""
