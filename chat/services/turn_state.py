"""The data of one turn: the request, the resources, the attempts, and the content of its row. Runs no query."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from accounts.callers.limits import Allowance
from accounts.models import Account, Lease
from bingproject.conf.environment import SettingError
from bingproject.errors import NoAccountError, ServiceError
from chat.models import Conversation, Origin, TurnState
from chat.protocol.events import (
    DECISIVE_EVENTS,
    Citations,
    Dialect,
    Event,
    Finished,
    Prompt,
    Refused,
    Sources,
    Suggestions,
)
from chat.protocol.failures import SessionEndedError
from chat.protocol.model_spec import ChatModelSpec, Route
from chat.services.backends import BACK_ENDS, Backend

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """What a caller asks: the words, the model, and which conversation if they name one.

    `routes` are the ways to serve it, filled in when the turn begins. `is_thinking`: more reasoning than usual.
    `is_streamed`: the caller sees deltas as they come, so it is these that their next request will repeat. `allowance`:
    what it may take of a user's day, if it is anybody's. `truncated_answer`: asked when the turn is over; what the
    caller was shown if their own limit ended the answer, else None. `canonical_answer` likewise: the answer as their
    next request will repeat it, where that is not its text alone.
    """

    caller_id: str
    model: ChatModelSpec
    prompt: Prompt
    origin: Origin = Origin.COMPLETION
    conversation: Conversation | None = None
    is_streamed: bool = False
    is_thinking: bool = False
    wants_suggestions: bool = True
    request_id: str = ""
    allowance: Allowance | None = None
    routes: tuple[Route, ...] = ()
    truncated_answer: Callable[[], str | None] = lambda: None
    canonical_answer: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """The outcome of a turn: `answer` as it is stored, `canonical` as the caller's next request will repeat it."""

    state: TurnState
    answer: str = ""
    canonical: str = ""


@dataclass(slots=True)
class TurnSummary:
    """The content of the turn's row.

    `is_asked`: the question may have been sent. `is_answered`: the back end accepted it, whatever came after.
    """

    sources: list[dict[str, str]] = field(default_factory=list)
    suggestions: list[str] = field(default_factory=list)
    dropped: int = 0
    first_text_at: datetime | None = None
    error: ServiceError | None = None
    is_asked: bool = False
    is_answered: bool = False

    def add(self, event: Event, now: datetime) -> None:
        """Add what an event contributes to the row."""
        self.is_answered = True
        if isinstance(event, DECISIVE_EVENTS) and self.first_text_at is None:
            self.first_text_at = now
        if isinstance(event, Sources | Citations):
            self.sources = [{"title": source.title, "url": source.url} for source in event.items]
        elif isinstance(event, Suggestions):
            self.suggestions = list(event.texts)

    def fail(self, error: ServiceError) -> None:
        """Set the reason of the failure."""
        self.error = error

    @property
    def is_counted(self) -> bool:
        """True if the turn counts against its user's day: the back end accepted it, or may have if the caller left."""
        return self.is_answered or (self.is_asked and self.error is None)

    def outcome(self, request: TurnRequest, end: Finished | None, *, is_refused: bool) -> TurnOutcome:
        """Return the outcome of the finished turn; without an `end` it was interrupted."""
        if self.error is not None:
            return TurnOutcome(TurnState.FAILED)
        cut = request.truncated_answer()
        if cut is not None:
            return TurnOutcome(TurnState.CUT, cut, cut)
        if end is None:
            return TurnOutcome(TurnState.LEFT)
        canonical = request.canonical_answer() or (end.streamed if request.is_streamed else end.text)
        return TurnOutcome(TurnState.REFUSED if is_refused else TurnState.FINISHED, end.text, canonical)


@dataclass(slots=True)
class UsedRetries:
    """The retries that earlier attempts have used: each kind once, with each back end or account.

    Shape: `renewed` and `excluded` are accounts; `retried` and `moved` are back ends.
    """

    has_replayed: bool = False
    renewed: set[int] = field(default_factory=set)
    retried: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    excluded: set[int] = field(default_factory=set)


@dataclass(slots=True)
class ActiveTurn:
    """A running turn, with its claimed conversation and leased account.

    Attributes:
        routes: The routes that are left to try.
        route: The route that the account was leased for.
        dialect: That of the current attempt, or of the last one.
        wants_new_session: True if another upstream conversation must be opened; the row keeps the old one until then.
    """

    request: TurnRequest
    conversation: Conversation
    claim: str
    started_at: datetime
    routes: tuple[Route, ...] = ()
    route: Route | None = None
    lease: Lease | None = None
    summary: TurnSummary = field(default_factory=TurnSummary)
    used: UsedRetries = field(default_factory=UsedRetries)
    finished: Finished | None = None
    is_refused: bool = False
    dialect: Dialect | None = None
    wants_new_session: bool = False
    opened_count: int = 0
    encrypted_before: str = ""

    @property
    def account(self) -> Account:
        """The leased account. Raises: NoAccountError when there is none."""
        if self.lease is None:
            raise NoAccountError
        return self.lease.account

    @property
    def back_end(self) -> Backend:
        """The back end that the account was leased for. Raises: NoAccountError when there is none."""
        if self.route is None:
            raise NoAccountError
        return BACK_ENDS[self.route.back_end]

    @property
    def session_route(self) -> Route | None:
        """The route of the upstream conversation; None when there is none, or it may not be used any more."""
        row = self.conversation
        routes = (route for route in self.routes if route.back_end == row.back_end)
        return next(routes, None) if row.encrypted_credentials and not self.wants_new_session else None

    @property
    def has_session(self) -> bool:
        """True if the upstream conversation can take this turn, over the leased account."""
        row = self.conversation
        is_open = bool(row.encrypted_credentials) and not self.wants_new_session
        return is_open and self.lease is not None and row.account_id == self.lease.account_id

    @property
    def has_asked(self) -> bool:
        """True if the question may have gone out; from then on the state of the upstream conversation is unknown."""
        return self.dialect is not None and self.dialect.phase != "handshake"

    @property
    def has_text(self) -> bool:
        """True if the caller has seen something of the answer."""
        return self.summary.first_text_at is not None

    def set_session(self, credentials: dict[str, str]) -> None:
        """Store an upstream conversation that was opened over the leased account."""
        self.conversation.account = self.account
        self.conversation.back_end = self.back_end.name
        self.conversation.set_credentials(credentials, timezone.now())
        self.opened_count += 1
        self.wants_new_session = False

    def session_credentials(self) -> dict[str, str]:
        """Return the credentials of the upstream conversation; empty when there is none for this account.

        A conversation that no key in SEAL_KEYS decrypts is dropped.
        """
        if not self.has_session:
            return {}
        try:
            return self.conversation.credentials
        except SettingError:
            logger.warning(
                "a chat's upstream conversation cannot be decrypted with any key in SEAL_KEYS; it is given up"
            )
            self.drop_session()
            return {}

    def drop_session(self) -> None:
        """Forget the upstream conversation."""
        self.conversation.set_credentials({}, None)

    def drop_failed_session(self, error: ServiceError) -> None:
        """Forget the upstream conversation if something was asked over it, or if it is what has ended."""
        if self.has_asked or (self.has_session and isinstance(error, SessionEndedError)):
            self.drop_session()

    def add(self, event: Event, now: datetime) -> None:
        """Note an event of the answer."""
        self.summary.add(event, now)
        if isinstance(event, Finished):
            self._finish(event)
        elif isinstance(event, Refused):
            self.is_refused = True

    def _finish(self, end: Finished) -> None:
        self.finished = end
        self.conversation.upstream_turn_count += 1
        if end.retire or self.conversation.upstream_turn_count >= self.back_end.max_turns:
            self.drop_session()
