"""What is asked of a turn, what it holds, what its row will say of it, and what earlier rows say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.utils import timezone

from accounts.limits import Allowance
from accounts.models import Account, Lease
from bingproject.errors import ConflictError, NoAccountError, ServiceError
from chat.models import ANSWERED, Conversation, Origin, TurnState
from chat.protocol.catalogue import ModelSpec, Route
from chat.protocol.events import SHOWN, Citations, Dialect, Event, Finished, Prompt, Said, Sources, Suggestions
from chat.services.backends import BACK_ENDS, Backend


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What a caller asks: the words, the model, and which conversation if they name one.

    `routes` are the ways to serve it, filled in when the turn begins. `is_thinking`: more reasoning than usual.
    `is_streamed`: the caller sees deltas as they come, so it is these that their next request will repeat. `allowance`:
    what it may take of a user's day, if it is anybody's. `cut_answer`: asked when the turn is over; what the caller was
    shown if their own limit ended the answer, else None. `told_answer` likewise: the answer as their next request will
    repeat it, where that is not its text alone.
    """

    holder: str
    model: ModelSpec
    prompt: Prompt
    origin: Origin = Origin.COMPLETION
    conversation: Conversation | None = None
    is_streamed: bool = False
    is_thinking: bool = False
    wants_suggestions: bool = True
    request_id: str = ""
    allowance: Allowance | None = None
    routes: tuple[Route, ...] = ()
    cut_answer: Callable[[], str | None] = lambda: None
    told_answer: Callable[[], str | None] = lambda: None


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
        told = request.told_answer() or (end.streamed if request.is_streamed else end.text)
        return Outcome(TurnState.REFUSED if is_refused else TurnState.FINISHED, end.text, told)


@dataclass(slots=True)
class HeldTurn:
    """A turn's hold on its conversation and account.

    Shape: `routes` are those still to be tried, `route` the one that the account is held for. `reply` is the attempt
    under way, or the last one. `is_left`: another upstream conversation is to be opened; the row keeps the one it has
    until that is done.
    """

    request: TurnRequest
    conversation: Conversation
    claim: str
    started_at: datetime
    routes: tuple[Route, ...] = ()
    route: Route | None = None
    lease: Lease | None = None
    record: Record = field(default_factory=Record)
    finished: Finished | None = None
    is_refused: bool = False
    reply: Dialect | None = None
    is_left: bool = False
    opened_count: int = 0
    sealed_before: str = ""

    @property
    def account(self) -> Account:
        """The account that is held. Raises: NoAccountError when none is."""
        if self.lease is None:
            raise NoAccountError
        return self.lease.account

    @property
    def back_end(self) -> Backend:
        """The back end that the held account is one of. Raises: NoAccountError when none is held."""
        if self.route is None:
            raise NoAccountError
        return BACK_ENDS[self.route.back_end]

    @property
    def session_route(self) -> Route | None:
        """The way that the upstream conversation goes; None when there is none, or it may not be gone any more."""
        row = self.conversation
        ways = (route for route in self.routes if route.back_end == row.back_end)
        return next(ways, None) if row.sealed_credentials and not self.is_left else None

    @property
    def has_session(self) -> bool:
        """Whether the upstream conversation can take this turn, over this account."""
        row = self.conversation
        is_open = bool(row.sealed_credentials) and not self.is_left
        return is_open and self.lease is not None and row.account_id == self.lease.account_id

    @property
    def has_asked(self) -> bool:
        """Whether the question may have gone out; from then on nobody knows how the upstream conversation stands."""
        return self.reply is not None and self.reply.phase != "handshake"

    def can_be_retold(self) -> bool:
        """Whether another upstream conversation can be told what was said: the caller does, or the texts were kept."""
        named = self.request.conversation
        return named is None or not named.turns.filter(state__in=ANSWERED, prompt="", answer="").exists()

    def is_bound(self) -> bool:
        """Whether the chat can go on nowhere but over the upstream conversation that it has."""
        return bool(self.conversation.sealed_credentials) and not self.can_be_retold()

    def opened(self, credentials: dict[str, str]) -> None:
        """An upstream conversation was opened over the held account."""
        self.conversation.account = self.account
        self.conversation.back_end = self.back_end.name
        self.conversation.set_credentials(credentials, timezone.now())
        self.opened_count += 1
        self.is_left = False

    def lose_session(self) -> None:
        """The upstream conversation is of no use any more."""
        self.conversation.set_credentials({}, None)

    def finish(self, end: Finished) -> None:
        """The turn came to its end."""
        self.finished = end
        self.conversation.upstream_turn_count += 1
        if end.retire or self.conversation.upstream_turn_count >= self.back_end.max_turns:
            self.lose_session()


def with_stored_history(conversation: Conversation, prompt: Prompt) -> Prompt:
    """The prompt with all that was said before in a conversation that is known by its id.

    Raises: ConflictError when the texts were not kept, so that nothing can be replayed.
    """
    turns = list(conversation.turns.filter(state__in=ANSWERED).order_by("index"))
    if any(not (turn.prompt or turn.answer) for turn in turns):
        raise ConflictError("Bing's end of this conversation is gone, and its texts were not kept. Start a new one.")
    said = [said for turn in turns for said in (Said("user", turn.prompt), Said("assistant", turn.answer)) if said.text]
    return replace(prompt, system=prompt.system or conversation.system, history=tuple(said))
