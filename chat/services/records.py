"""What is asked of a turn, what its row will say of it, and what earlier rows say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from accounts.limits import Allowance
from bingproject.errors import ConflictError, ServiceError
from chat.models import ANSWERED, Conversation, Origin, TurnState
from chat.protocol.catalogue import ModelSpec
from chat.protocol.events import SHOWN, Citations, Event, Finished, Prompt, Said, Sources, Suggestions


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What a caller asks: the words, the model, and which conversation if they name one.

    `is_streamed`: the caller sees deltas as they come, so it is these that their next request will repeat. `allowance`:
    what it may take of a user's day, if it is anybody's. `cut_answer`: asked when the turn is over; what the caller was
    shown if their own limit ended the answer, else None.
    """

    holder: str
    model: ModelSpec
    prompt: Prompt
    origin: Origin = Origin.COMPLETION
    conversation: Conversation | None = None
    is_streamed: bool = False
    request_id: str = ""
    allowance: Allowance | None = None
    cut_answer: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a turn: `answer` as it is kept, `told` as the caller's next request will repeat it."""

    state: TurnState
    answer: str = ""
    told: str = ""


@dataclass(slots=True)
class Record:
    """What the turn's row will say.

    `is_asked`: the question may have gone out. `is_answered`: Bing took it up, whatever came of that.
    """

    sources: list[dict[str, str]] = field(default_factory=list)
    suggestions: list[str] = field(default_factory=list)
    dropped: int = 0
    first_text_at: datetime | None = None
    error: ServiceError | None = None
    is_asked: bool = False
    is_answered: bool = False

    def add(self, event: Event, now: datetime) -> None:
        """Keep what belongs on the row."""
        self.is_answered = True
        if isinstance(event, SHOWN) and self.first_text_at is None:
            self.first_text_at = now
        if isinstance(event, Sources | Citations):
            self.sources = [{"title": source.title, "url": source.url} for source in event.items]
        elif isinstance(event, Suggestions):
            self.suggestions = list(event.texts)

    def fail(self, error: ServiceError) -> None:
        """Why it failed."""
        self.error = error

    @property
    def is_counted(self) -> bool:
        """Whether the turn counts against its user's day: Bing took it up, or may have when the caller left."""
        return self.is_answered or (self.is_asked and self.error is None)

    def outcome(self, request: TurnRequest, end: Finished | None, *, is_refused: bool) -> Outcome:
        """What came of the turn, now that it is over; without an `end` it was broken off."""
        if self.error is not None:
            return Outcome(TurnState.FAILED)
        cut = request.cut_answer()
        if cut is not None:
            return Outcome(TurnState.CUT, cut, cut)
        if end is None:
            return Outcome(TurnState.LEFT)
        told = end.streamed if request.is_streamed else end.text
        return Outcome(TurnState.REFUSED if is_refused else TurnState.FINISHED, end.text, told)


def with_stored_history(conversation: Conversation, prompt: Prompt) -> Prompt:
    """The prompt with all that was said before in a conversation that is known by its id.

    Raises: ConflictError when the texts were not kept, so that nothing can be replayed.
    """
    turns = list(conversation.turns.filter(state__in=ANSWERED).order_by("index"))
    if any(not (turn.prompt or turn.answer) for turn in turns):
        raise ConflictError("Bing's end of this conversation is gone, and its texts were not kept. Start a new one.")
    said = [said for turn in turns for said in (Said("user", turn.prompt), Said("assistant", turn.answer)) if said.text]
    return replace(prompt, system=prompt.system or conversation.system, history=tuple(said))
