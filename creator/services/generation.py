"""One generation's dealings with Bing: the submit, and each look at the result, decided on but not yet recorded.

The runner calls these and hands what comes back to `creator.services.records`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from accounts.models import AccountCapability
from bingproject.errors import (
    AccountError,
    AccountThrottledError,
    CookieExpiredError,
    PromptRejectedError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from bingproject.upstream import Answer, NotSentError, OutcomeUnknownError
from creator.models import Kind, Task
from creator.protocol import (
    Accepted,
    HomePage,
    Images,
    Order,
    Pending,
    Video,
    VideoCard,
    parse_create_response,
    parse_results_page,
    parse_video_detail,
    parse_video_result,
    parse_visit,
)
from creator.services.looks import Looks
from creator.services.records import Claim
from creator.services.sessions import AccountSession

logger = logging.getLogger(__name__)

LONGEST_HINT_SECONDS = 30.0  # Bing's own Retry-After is waited for up to here; above it the task fails


@dataclass(slots=True)
class Generation:
    """What a runner keeps in memory of one task while it carries it."""

    claim: Claim
    account_id: int
    prompt: str
    model: str
    aspect: str
    speed: str
    lane: str
    retry_count: int
    tried_accounts: list[int]
    request_id: str
    accepted_at: datetime | None
    deadline_at: datetime
    failure_count: int = 0
    tried_now: list[int] = field(default_factory=list)
    looks: Looks = field(default_factory=Looks)

    @classmethod
    def of(cls, task: Task) -> Generation:
        """The generation of a claimed or adopted row."""
        return cls(
            claim=Claim(
                task.pk,
                task.kind,
                task.runner or "",
                task.attempt_count,
                task.submit_at or task.created_at,
                task.account.name if task.account else "",
            ),
            account_id=task.account_id or 0,
            prompt=task.prompt,
            model=task.model,
            aspect=task.aspect,
            speed=task.speed,
            lane=task.lane,
            retry_count=task.retry_count,
            tried_accounts=list(task.tried_accounts),
            request_id=task.request_id,
            accepted_at=task.accepted_at,
            deadline_at=task.deadline_at,
        )

    def order(self) -> Order:
        """What is asked of Bing."""
        return Order(
            kind="video" if self.claim.kind == Kind.VIDEO else "image",
            prompt=self.prompt,
            model=self.model,
            aspect=self.aspect,
            lane="standard" if self.lane == "standard" else "fast",
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """Bing works on it."""

    request_id: str
    location: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Bing certainly did not take it, and asking again would not help."""

    error: ServiceError
    may_run: bool = False  # Bing's answer was unreadable or a fault: the account's slot stays taken for a while


@dataclass(frozen=True, slots=True)
class Requeue:
    """Bing certainly did not take it; another account, or the same one later, may do better."""

    error: ServiceError
    delay_seconds: float
    is_counted: bool


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Sent, and nobody knows."""

    error: ServiceError


@dataclass(frozen=True, slots=True)
class Later:
    """Not yet: look again, after at least `seconds`; 0 leaves it to the poll plan. `trouble`: why the look failed."""

    seconds: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It failed at Bing, or Bing stopped making sense."""

    error: ServiceError

    @property
    def may_run(self) -> bool:
        """Whether Bing may still be busy with it: its own "no" ends it there too, a fault on the way does not."""
        return self.error.code in ("upstream_interrupted", "upstream_protocol_error", "cookie_expired")


# --- submit ---


async def submit_task(
    generation: Generation, session: AccountSession, may_send: Callable[[], bool]
) -> Taken | Refused | Requeue | Uncertain:
    """Send one task to Bing, at most once.

    `may_send` is asked right before the POST: a runner whose lease is about to end must not send. Only a lane without
    boosts is followed by a second POST, since Bing said that it took nothing.
    """
    trouble = await _open_session(session)
    if trouble is not None:
        return await _not_taken(trouble, generation, session)
    status = 0
    try:
        for lane in await _lanes(generation, session):
            generation.lane = lane
            if not may_send():
                return Requeue(UpstreamUnavailableError(detail="the runner's lease was ending"), 0.0, is_counted=False)
            answer = await session.creator.submit(generation.order(), session.ig)
            status = answer.status
            outcome = await _read_submit(answer, generation, session)
            if outcome is not None:
                return outcome
        return await _not_taken(AccountThrottledError(code="no_boosts"), generation, session)
    except OutcomeUnknownError as error:
        return Uncertain(error)
    except NotSentError as error:
        return await _not_taken(error, generation, session)
    except ServiceError as error:
        return await _judge_refusal(error, status, generation, session)


async def _open_session(session: AccountSession) -> ServiceError | None:
    """Read the start page before the account's first submit; what stands in the way, if anything does.

    A page that cannot be read is no obstacle: the session id is optional, and the submit itself will tell.
    """
    if session.is_open:
        return None
    try:
        return None if await session.renew() else CookieExpiredError()
    except UnexpectedResponseError as error:
        logger.warning("the start page could not be read, submitting without a session: %s", error.detail)
        return None
    except ServiceError as error:
        return error


async def _lanes(generation: Generation, session: AccountSession) -> list[str]:
    """Which lanes to try: `auto` is fast, and standard once when no boost is left."""
    if generation.speed != "auto":
        return [generation.speed]
    rests = await sync_to_async(_fast_lane_rests)(generation, timezone.now())
    return ["standard"] if rests else ["fast", "standard"]


def _fast_lane_rests(generation: Generation, now: datetime) -> bool:
    rows = AccountCapability.objects.filter(account=generation.account_id, capability=generation.claim.kind)
    return rows.filter(fast_cooldown_until__gt=now).exists()


async def _read_submit(answer: Answer, generation: Generation, session: AccountSession) -> Taken | Refused | None:
    """The outcome of one POST; None when its lane has no boosts and another lane may be tried."""
    lane = generation.order().lane
    try:
        found = parse_create_response(answer.status, answer.headers, answer.text, lane=lane)
    except AccountThrottledError as error:
        if error.code != "no_boosts":
            raise
        await sync_to_async(accounts.settle)(session.account, generation.claim.kind, error, timezone.now())
        if generation.speed == "auto" and lane == "fast":
            return None
        raise
    if isinstance(found, Accepted):
        return Taken(found.request_id, found.location)
    return Refused(await _why_home_page(session))


async def _why_home_page(session: AccountSession) -> ServiceError:
    """Bing's start page instead of an answer: the cookie has gone, or the prompt was turned away without a word."""
    try:
        is_signed_in = await session.renew()
    except OutcomeUnknownError as error:
        # The unknown one is the look at the start page; the submit itself was answered, and not taken.
        raise NotSentError(detail=error.detail) from error
    if not is_signed_in:
        raise CookieExpiredError
    return PromptRejectedError("Bing turned the prompt away and gave no reason. Change the prompt.", code="blocked")


async def _judge_refusal(
    error: ServiceError, status: int, generation: Generation, session: AccountSession
) -> Refused | Requeue:
    """What a refusal that was read means for the task; the account's row learns of it too."""
    if isinstance(error, PromptRejectedError):
        return Refused(error)
    if isinstance(error, UnexpectedResponseError):
        return Refused(error, may_run=200 <= status < 300)
    if isinstance(error, UpstreamUnavailableError) and error.code == "upstream_unreachable" and status != 503:
        # A server error is no promise that nothing was taken; 503 is.
        return Refused(error, may_run=True)
    return await _not_taken(error, generation, session)


async def _not_taken(error: ServiceError, generation: Generation, session: AccountSession) -> Refused | Requeue:
    return await sync_to_async(_plan_retry)(error, generation, session, timezone.now())


def _plan_retry(
    error: ServiceError, generation: Generation, session: AccountSession, now: datetime
) -> Refused | Requeue:
    """At once on another account, else after a pause, at most as often as there are pauses."""
    kind, count = generation.claim.kind, generation.retry_count
    has_other = _has_other_account(generation, now)
    if isinstance(error, AccountError | UpstreamRefusedError) and not isinstance(error, AccountThrottledError):
        accounts.settle(session.account, kind, error, now)
        return Requeue(error, 0.0, is_counted=False) if has_other else Refused(error)
    hint = error.retry_after or 0.0
    is_last = count >= len(settings.SUBMIT_RETRY_SECONDS) or (hint > LONGEST_HINT_SECONDS and not has_other)
    delay = hint or (0.0 if is_last else settings.SUBMIT_RETRY_SECONDS[count])
    if isinstance(error, AccountThrottledError) and error.code != "no_boosts":
        accounts.settle(session.account, kind, error, now, rest_seconds=delay or None)
    if is_last or (error.code == "no_boosts" and not has_other):
        return Refused(error)
    return Requeue(error, 0.0 if has_other else delay * random.uniform(1.0, 1.1), is_counted=True)


def _has_other_account(generation: Generation, now: datetime) -> bool:
    """Whether an account that has not refused this task could take it now."""
    rows = AccountCapability.objects.usable(generation.claim.kind, now)
    if generation.speed == "fast":
        rows = rows.exclude(fast_cooldown_until__gt=now)
    return rows.exclude(account__in=[*generation.tried_accounts, generation.account_id]).exists()


# --- poll ---


async def visit_redirect(session: AccountSession, location: str) -> GivenUp | Later:
    """Open the page behind the redirect once, as browsers do; only a late refusal on it means anything."""
    try:
        answer = await session.creator.visit(location)
        parse_visit(answer.status, answer.headers, answer.text)
    except PromptRejectedError as error:
        return GivenUp(error)
    except ServiceError:
        # Optional for the protocol: the polls that follow will tell.
        return Later()
    return Later()


async def poll_task(generation: Generation, session: AccountSession) -> Images | Video | Later | GivenUp:
    """One look at the result; failures in a row are counted, one good answer forgets them."""
    status = 0
    try:
        answer = await session.creator.poll(generation.order(), generation.request_id, session.ig)
        status = answer.status
        found = await _read_poll(answer, generation, session)
        if isinstance(found, HomePage):
            if not await session.renew():
                raise CookieExpiredError
            raise UnexpectedResponseError(detail="the start page instead of the result")
    except PromptRejectedError as error:
        return GivenUp(error)
    except ServiceError as error:
        seen = _count_failure(error, status, generation)
        # Being sent to the sign-in page may pass; when it stays, the cookie is dead whatever the start page says.
        is_verdict = isinstance(error, CookieExpiredError) and isinstance(seen, GivenUp)
        if is_verdict or isinstance(error, AccountThrottledError):
            await sync_to_async(accounts.settle)(session.account, generation.claim.kind, error, timezone.now())
        return seen
    generation.failure_count = 0
    return Later() if isinstance(found, Pending) else found


async def _read_poll(
    answer: Answer, generation: Generation, session: AccountSession
) -> Images | Video | Pending | HomePage:
    media_url = settings.BING_MEDIA_URL
    if generation.claim.kind == Kind.IMAGE:
        return parse_results_page(answer.status, answer.headers, answer.text, media_url=media_url)
    found = parse_video_result(answer.status, answer.headers, answer.text, media_url=media_url)
    if isinstance(found, VideoCard):
        detail = await session.creator.fetch_video_detail(generation.request_id, found)
        return parse_video_detail(detail.status, detail.headers, detail.text, media_url=media_url)
    return found


def _count_failure(error: ServiceError, status: int, generation: Generation) -> Later | GivenUp:
    """Look again later, or give up after too many looks that brought nothing.

    A page that can be read but says nothing we know is given up sooner than a server that does not answer.
    """
    generation.failure_count += 1
    is_readable = status == 200 and not isinstance(error, CookieExpiredError)
    tries = settings.POLL_PROTOCOL_TRIES if is_readable else settings.POLL_TRIES
    if generation.failure_count < tries:
        pause = min(2.0 ** (generation.failure_count - 1), settings.POLL_BACKOFF_SECONDS)
        seconds = max(pause * random.uniform(0.9, 1.1), min(error.retry_after or 0.0, 300.0))
        return Later(seconds, f"{error.code}: {error.detail or error.message}")
    if is_readable or isinstance(error, CookieExpiredError):
        return GivenUp(error)
    return GivenUp(UnexpectedResponseError(code="upstream_interrupted", detail=error.detail or error.message))


def uncertain_until(claim: Claim) -> datetime:
    """When the grace of an unknown outcome ends."""
    return claim.submit_at + timedelta(seconds=settings.UPSTREAM_TIMEOUT_SECONDS + 10)
