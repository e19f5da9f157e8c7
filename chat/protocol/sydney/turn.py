"""One turn with Bing Chat: frames in, events out, records to send.

Source: docs/wire/chathub.md, sections 3, 5 and 6.
"""

from __future__ import annotations

from bingproject.errors import InvalidRequestError
from chat.protocol import signalr
from chat.protocol.chathub import HubTurn, parse_suggestions
from chat.protocol.events import Event, Prompt, Searching, Source, Sources, TextDelta
from chat.protocol.failures import BING_ERRORS, SessionEndedError
from chat.protocol.model_spec import ChatModelSpec
from chat.protocol.sydney.grounding import parse_called_query, parse_citations, parse_query, parse_results
from chat.protocol.sydney.images import SydneyImage
from chat.protocol.sydney.invocation import build_invocation
from chat.protocol.sydney.records import Item, SydneyMessage, SydneyUpdate, parse_record
from chat.protocol.sydney.session import SydneyCredentials
from chat.protocol.sydney.text import SydneyAnswerText
from chat.protocol.transcript import render

NORMAL_CLOSURE = 1000
# A normal closure without an answer usually means that the prompt was too long. A shorter prompt than this never is
# (docs/wire/chathub.md, section 5.6).
LONG_PROMPT_CHARACTERS = 16_000
# Seen, and nothing an answer needs. Any other type is counted as skipped.
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


class SydneyTurn(HubTurn[SydneyUpdate, SydneyMessage]):
    """One turn. For its interface see `chat.protocol.events.Dialect`."""

    _text: SydneyAnswerText

    def __init__(
        self,
        credentials: SydneyCredentials,
        prompt: Prompt,
        model: ChatModelSpec,
        *,
        turn: int,
        request_id: str,
        trace_id: str,
        image: SydneyImage | None = None,
    ) -> None:
        invocation = build_invocation(
            credentials, prompt, model, turn=turn, request_id=request_id, trace_id=trace_id, image=image
        )
        question = signalr.encode(invocation)
        # The ping comes first, as some clients send one after the handshake (section 3.3).
        super().__init__(BING_ERRORS, parse_record, (signalr.PING, question), SydneyAnswerText())
        self._is_long = len(question) >= LONG_PROMPT_CHARACTERS
        self._size = len(prompt.question) + (len(render(prompt)) if turn == 0 else 0)
        self._seen_searches: set[str] = set()
        self._query = ""  # of the last search
        self._citations: tuple[Source, ...] = ()
        self._is_limit_reached = False

    def closed(self, code: int) -> list[Event]:
        """Handle a closed socket.

        Raises:
            InvalidRequestError: `context_length_exceeded`: a normal closure instead of an answer to a long prompt.
            UnexpectedResponseError: `upstream_interrupted`, unless the turn has ended or was refused.
        """
        if code == NORMAL_CLOSURE and self._is_long and self.phase != "handshake" and not self.has_text:
            return self._give_up(
                InvalidRequestError(
                    f"Bing did not accept a text of {self._size} characters: this model's maximum context length is "
                    "exceeded. Shorten what you send, or start a new chat.",
                    code="context_length_exceeded",
                    param="messages",
                )
            )
        return super().closed(code)

    def _update(self, update: SydneyUpdate, events: list[Event]) -> None:
        if update.throttling is not None:
            self._note_throttling(update.throttling, events)
        for message in update.messages or []:
            self._read_message(message, events)

    def _read_message(self, message: SydneyMessage, events: list[Event]) -> None:
        """Read one message of an update."""
        kind = message.message_type
        # The server repeats the question with the author "user".
        if message.author != "bot" or self._refusal.note(message):
            return
        if kind is None:
            self._read_answer(message, events, is_last=False)
        elif kind == "InternalSearchQuery":
            self._add_search(message, events)
        elif kind == "InternalSearchResult":
            self._add_results(message, events)
        elif not isinstance(kind, str) or kind not in IDLE_TYPES:
            self.skipped += 1

    def _read_answer(self, message: SydneyMessage, events: list[Event], *, is_last: bool) -> None:
        if message.content_origin == "TurnLimiter":  # the conversation's last word, and no answer
            self._is_limit_reached = True
            # Before any text another conversation can still answer: row 13 of section 6.
            if not self.has_text:
                raise SessionEndedError("TurnLimiter")
            return
        # Updates repeat these and may omit them: the last ones that exist count.
        if message.source_attributions:
            self._citations = parse_citations(message) or self._citations
        if message.suggested_responses:
            self._suggestions = parse_suggestions(message) or self._suggestions
        if self._refusal.is_made or not isinstance(message.text, str):
            return
        take = self._text.finish if is_last else self._text.update
        delta = take(_key(message), message.text)
        if delta:
            events.append(TextDelta(delta))

    def _add_search(self, message: SydneyMessage, events: list[Event]) -> None:
        query = parse_query(message)
        if query and self._is_new(message, query):
            self._query = query
            events.append(Searching(query))

    def _add_results(self, message: SydneyMessage, events: list[Event]) -> None:
        items = parse_results(message)
        if items and self._is_new(message, "results"):
            events.append(Sources(parse_called_query(message) or self._query, items))

    def _is_new(self, message: SydneyMessage, what: str) -> bool:
        """True if this message reports it for the first time. Later updates and the final record repeat it."""
        key = f"{_key(message)} {what}"
        is_new = key not in self._seen_searches
        self._seen_searches.add(key)
        return is_new

    def _complete(self, item: Item, events: list[Event]) -> None:
        self._check_result(item)
        self._note_throttling(item.throttling, events)
        messages = item.messages or []
        answers = [message for message in messages if message.author == "bot" and message.message_type is None]
        for message in messages:
            if message.message_type is not None:
                self._read_message(message, events)
        # The item may repeat earlier turns: only the last message is this turn's answer (section 5.6).
        if answers and not self._refusal.note(answers[-1]):
            self._read_answer(answers[-1], events, is_last=True)

    def _sources(self) -> tuple[Source, ...]:
        return self._citations

    def _is_over(self) -> bool:
        return self._is_limit_reached or super()._is_over()


def _key(message: SydneyMessage) -> str:
    return message.message_id if isinstance(message.message_id, str) else ""
