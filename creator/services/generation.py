"""Exchange the requests of one generation with Bing: the submit, the page it redirects to, and each poll.

Every function returns an outcome (`creator.services.outcomes`), which the runner applies to the task's row.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error
from django.utils import timezone

from accounts.microsoft import services as account_services
from accounts.models import AccountCapability
from bingproject.database.outages import is_outage
from bingproject.errors import (
    AccountError,
    AccountThrottledError,
    CookieExpiredError,
    PromptRejectedError,
    ServiceError,
    UnavailableError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from bingproject.upstream.http_client import NotSentError, OutcomeUnknownError, UpstreamResponse
from creator.models import Kind
from creator.protocol import (
    HomePage,
    Images,
    JobReference,
    NotReady,
    Video,
    VideoCard,
    parse_create_response,
    parse_results_page,
    parse_video_detail,
    parse_video_result,
    parse_visit,
)
from creator.services.outcomes import Accepted, Completed, Failed, Pending, Rejected, Requeued, Uncertain
from creator.services.running_task import Claim, RunningTask
from creator.services.sessions import AccountSession

logger = logging.getLogger(__name__)

OUTAGE_SECONDS = 1.0  # delay of a task that could not be sent because of a database outage
# Faults after which Bing may still work on a task; a refusal of Bing's ends the work there, too.
FAULT_CODES = ("upstream_interrupted", "upstream_protocol_error", "cookie_expired")
LONGEST_HINT_SECONDS = 30.0  # the longest Retry-After of Bing's that a task waits for; a longer one fails it


# --- submit ---


async def submit_task(
    generation: RunningTask, session: AccountSession, may_send: Callable[[], bool]
) -> Accepted | Rejected | Failed | Requeued | Uncertain:
    """Send one task to Bing, at most once.

    Only a lane without boosts is followed by a second POST on the other lane, because there Bing says that it accepted
    nothing.

    Args:
        may_send: Called right before each POST: a runner whose lease is about to end must not send.
    """
    try:
        obstacle = await _open_session(session)
        lanes = await _lanes(generation)
    except Error as error:
        if not is_outage(error):
            raise
        detail = f"the database did not answer before the request was sent: {type(error).__name__}"
        return _requeued(UnavailableError(detail=detail), generation, OUTAGE_SECONDS)
    if obstacle is not None:
        return await _not_taken(obstacle, generation, session)
    status = 0
    try:
        for lane in lanes:
            generation.lane = lane
            # Right before the POST, since opening the session may have taken long.
            if not may_send():
                return _requeued(UpstreamUnavailableError(detail="the runner's lease was ending"), generation)
            answer = await session.creator.submit(generation.order(), session.ig)
            status = answer.status
            outcome = await _read_submit(answer, generation, session)
            if outcome is not None:
                return outcome
        cooldown = await sync_to_async(_fast_lane_cooldown_seconds)(generation, timezone.now())
        return await _not_taken(AccountThrottledError(code="no_boosts", retry_after=cooldown), generation, session)
    except OutcomeUnknownError as error:
        return Uncertain(error)
    except NotSentError as error:
        return await _not_taken(error, generation, session)
    except ServiceError as error:
        return await _classify_error(error, status, generation, session)


async def _open_session(session: AccountSession) -> ServiceError | None:
    """Read the start page before the account's first submit; return the error that prevents a submit, if any.

    A page that cannot be parsed prevents nothing: the session id is optional, and the submit gets an answer of its own.
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


async def _lanes(generation: RunningTask) -> list[str]:
    """Return the lanes to try: `auto` means fast, then standard if no boost is left. Skip a fast lane in a cooldown."""
    wanted = ["fast", "standard"] if generation.speed == "auto" else [generation.speed]
    if "fast" in wanted and await sync_to_async(_fast_lane_cooldown_seconds)(generation, timezone.now()) is not None:
        wanted.remove("fast")
    return wanted


def _fast_lane_cooldown_seconds(generation: RunningTask, now: datetime) -> float | None:
    """Return the remaining seconds of the fast lane's cooldown; None if there is none."""
    rows = AccountCapability.objects.filter(account=generation.account_id, capability=generation.claim.kind)
    until = rows.filter(fast_cooldown_until__gt=now).values_list("fast_cooldown_until", flat=True).first()
    return None if until is None else (until - now).total_seconds()


async def _read_submit(
    answer: UpstreamResponse, generation: RunningTask, session: AccountSession
) -> Accepted | Rejected | None:
    """Return the outcome of one POST; None if its lane has no boosts and another lane may be tried."""
    lane = generation.order().lane
    await session.note_boosts(answer.text)
    try:
        found = parse_create_response(answer.status, answer.headers, answer.text, lane=lane)
    except AccountThrottledError as error:
        if error.code != "no_boosts":
            raise
        # Even if the standard lane accepts the task, the fast lane gets its cooldown.
        await sync_to_async(account_services.apply_error)(session.account, generation.claim.kind, error, timezone.now())
        if generation.speed == "auto" and lane == "fast":
            return None
        raise
    if isinstance(found, JobReference):
        return Accepted(found.request_id, found.location, lane)
    return Rejected(await _explain_home_page(session))


async def _explain_home_page(session: AccountSession) -> ServiceError:
    """Explain the start page in place of an answer: return a refusal of the prompt if the account is signed in.

    Raises:
        CookieExpiredError: The account is not signed in.
        NotSentError: The start page could not be read again.
    """
    try:
        is_signed_in = await session.renew()
    except OutcomeUnknownError as error:
        # Only the outcome of this GET is unknown: the submit was answered, and not accepted.
        raise NotSentError(detail=error.detail) from error
    if not is_signed_in:
        raise CookieExpiredError
    return PromptRejectedError("Bing refused the prompt and gave no reason. Change the prompt.", code="blocked")


async def _classify_error(
    error: ServiceError, status: int, generation: RunningTask, session: AccountSession
) -> Rejected | Failed | Requeued:
    """Return what an error in Bing's response means for the task, and apply it to the account."""
    if isinstance(error, PromptRejectedError):
        return Rejected(error)
    if isinstance(error, UnexpectedResponseError):
        # A 2xx that cannot be parsed may have been an acceptance.
        return Failed(error, may_run=True) if 200 <= status < 300 else Rejected(error)
    if isinstance(error, UpstreamUnavailableError) and error.code == "upstream_unreachable" and status != 503:
        # A 503 promises that nothing was accepted; other server errors do not.
        return Failed(error, may_run=True)
    return await _not_taken(error, generation, session)


async def _not_taken(error: ServiceError, generation: RunningTask, session: AccountSession) -> Rejected | Requeued:
    return await sync_to_async(_plan_retry)(error, generation, session, timezone.now())


def _plan_retry(
    error: ServiceError, generation: RunningTask, session: AccountSession, now: datetime
) -> Rejected | Requeued:
    """Requeue for another account at once, else after a pause; reject once all of SUBMIT_RETRY_SECONDS are used."""
    kind, count = generation.claim.kind, generation.retry_count
    has_other = _has_other_account(generation, now)
    if isinstance(error, AccountError | UpstreamRefusedError) and not isinstance(error, AccountThrottledError):
        account_services.apply_error(session.account, kind, error, now)
        return _requeued(error, generation) if has_other else Rejected(error)
    hint = error.retry_after or 0.0
    is_last = count >= len(settings.SUBMIT_RETRY_SECONDS) or (hint > LONGEST_HINT_SECONDS and not has_other)
    delay = hint or (0.0 if is_last else settings.SUBMIT_RETRY_SECONDS[count])
    if isinstance(error, AccountThrottledError) and error.code != "no_boosts":
        account_services.apply_error(session.account, kind, error, now, cooldown_seconds=delay or None)
    if is_last or (error.code == "no_boosts" and not has_other):
        return Rejected(error)
    # A random share, so that tasks that failed together are not sent again together.
    return _requeued(error, generation, 0.0 if has_other else delay * random.uniform(1.0, 1.1), is_counted=True)


def _requeued(
    error: ServiceError, generation: RunningTask, delay_seconds: float = 0.0, *, is_counted: bool = False
) -> Requeued:
    tried = (*generation.tried_accounts, generation.account_id)
    return Requeued(error, delay_seconds, is_counted, tried)


def _has_other_account(generation: RunningTask, now: datetime) -> bool:
    """True if an account that has not refused this task could take it now."""
    rows = AccountCapability.objects.usable(generation.claim.kind, now)
    if generation.speed == "fast":
        rows = rows.exclude(fast_cooldown_until__gt=now)
    return rows.exclude(account__in=[*generation.tried_accounts, generation.account_id]).exists()


# --- poll ---


async def visit_redirect(generation: RunningTask, session: AccountSession, location: str) -> Failed | None:
    """Open the page behind the redirect once, as browsers do; return Failed for a refusal on it, else None."""
    try:
        answer = await session.creator.visit(location)
        # This page is assumed to show the balance after the submit (wire page, section 1).
        await session.note_boosts(answer.text)
        parse_visit(answer.status, answer.headers, answer.text)
    except PromptRejectedError as error:
        return _failed(error, generation)
    except ServiceError:
        # The protocol works without this page: the polls show any fault that lasts.
        return None
    return None


async def poll_task(generation: RunningTask, session: AccountSession) -> Completed | Pending | Failed:
    """Poll once for the result. Failures in a row are counted; a good response resets the count."""
    outcome = await _poll_once(generation, session)
    log = generation.poll_log
    if isinstance(outcome, Pending):
        return replace(outcome, event=log.note(outcome.failure, generation.age_seconds))
    log.count += 1
    return replace(outcome, polls=str(log))


async def _poll_once(generation: RunningTask, session: AccountSession) -> Completed | Pending | Failed:
    status = 0
    try:
        answer = await session.creator.poll(generation.order(), generation.request_id, session.ig)
        status = answer.status
        found = await _read_poll(answer, generation, session)
        if isinstance(found, HomePage):
            # Bing has lost the session: renew it, and count this poll as failed.
            if not await session.renew():
                raise CookieExpiredError
            raise UnexpectedResponseError(detail="the start page instead of the result")
    except PromptRejectedError as error:
        return _failed(error, generation)
    except ServiceError as error:
        outcome = _count_failure(error, status, generation)
        # A redirect to the sign-in page may pass. If it stays, the cookie is dead whatever the start page shows.
        is_verdict = isinstance(error, CookieExpiredError) and isinstance(outcome, Failed)
        if is_verdict or isinstance(error, AccountThrottledError):
            await sync_to_async(account_services.apply_error)(
                session.account, generation.claim.kind, error, timezone.now()
            )
        return outcome
    generation.failure_count = 0
    return _classify_pending(found, generation) if isinstance(found, NotReady) else Completed(found)


def _failed(error: ServiceError, generation: RunningTask) -> Failed:
    return Failed(error, may_run=error.code in FAULT_CODES, polls=str(generation.poll_log))


async def _read_poll(
    answer: UpstreamResponse, generation: RunningTask, session: AccountSession
) -> Images | Video | NotReady | HomePage:
    media_url = settings.BING_MEDIA_URL
    if generation.claim.kind == Kind.IMAGE:
        return parse_results_page(answer.status, answer.headers, answer.text, media_url=media_url)
    found = parse_video_result(answer.status, answer.headers, answer.text, media_url=media_url)
    if isinstance(found, VideoCard):
        detail = await session.creator.fetch_video_detail(generation.request_id, found)
        return parse_video_detail(detail.status, detail.headers, detail.text, media_url=media_url)
    return found


def _classify_pending(found: NotReady, generation: RunningTask) -> Pending | Failed:
    """Return Pending, or Failed after several equal polls of no known form: these may be a new kind of result."""
    is_same = found.unknown == generation.unknown_content
    generation.unknown_count = generation.unknown_count + 1 if found.unknown and is_same else int(bool(found.unknown))
    generation.unknown_content = found.unknown
    if generation.unknown_count < settings.POLL_PROTOCOL_TRIES:
        return Pending(0.0, f"of no known form: {found.unknown}" if found.unknown else "")
    logger.error("Bing answers polls of task %s in no known form: %s", generation.claim.task_id, found.unknown)
    detail = f"{generation.unknown_count} polls returned the same, of no known form: {found.unknown}"
    return _failed(UnexpectedResponseError(detail=detail), generation)


def _count_failure(error: ServiceError, status: int, generation: RunningTask) -> Pending | Failed:
    """Return Pending to poll again later, or Failed after too many failed polls in a row.

    A readable response of no known form (POLL_PROTOCOL_TRIES) ends sooner than a server that does not answer
    (POLL_TRIES), because it rarely changes by itself.
    """
    generation.failure_count += 1
    is_readable = status == 200 and not isinstance(error, CookieExpiredError)
    tries = settings.POLL_PROTOCOL_TRIES if is_readable else settings.POLL_TRIES
    if generation.failure_count < tries:
        pause = min(2.0 ** (generation.failure_count - 1), settings.POLL_BACKOFF_SECONDS)
        seconds = max(pause * random.uniform(0.9, 1.1), min(error.retry_after or 0.0, 300.0))
        return Pending(seconds, f"{error.code}: {error.detail or error.message}")
    if is_readable or isinstance(error, CookieExpiredError):
        return _failed(error, generation)
    interrupted = UnexpectedResponseError(code="upstream_interrupted", detail=error.detail or error.message)
    return _failed(interrupted, generation)


def uncertain_until(claim: Claim) -> datetime:
    """Return until when an uncertain task waits for a late answer."""
    return claim.submit_at + timedelta(seconds=uncertain_seconds())


def uncertain_seconds() -> float:
    """Return how long an uncertain task waits for a late answer: the request's own time-out and a margin."""
    return float(settings.UPSTREAM_TIMEOUT_SECONDS) + 10
