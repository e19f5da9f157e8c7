"""Probes of `manage.py probe`: read the creator's pages, or make one real picture or video."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts.microsoft import services as account_services
from accounts.microsoft.client import fetch_session
from accounts.microsoft.leases import drop_lease, keep_lease
from accounts.microsoft.protocol import parse_session
from accounts.microsoft.services import CheckContext
from accounts.models import Account, Capability, Lease
from bingproject.errors import (
    CookieExpiredError,
    NoAccountError,
    ServiceError,
    SubmitOutcomeUnknownError,
    UpstreamTimeoutError,
)
from bingproject.upstream.http_client import ConnectionPool, UpstreamResponse, jar_cookies
from bingproject.upstream.recording import Transcript
from creator.client import ImageCreatorClient, fetch_picture
from creator.engine.poll_schedule import PollSchedule
from creator.models import Task
from creator.protocol import CreatorRequest, Images, Video
from creator.services.checks import check_images, check_videos
from creator.services.claims import reserve_slot
from creator.services.durations import result_deadline, slot_end
from creator.services.generation import poll_task, submit_task, visit_redirect
from creator.services.outcomes import Accepted, Completed, Failed, Uncertain
from creator.services.running_task import RunningTask
from creator.services.sessions import AccountSession

PROMPTS = {
    Capability.IMAGE: "a red apple on a white table",
    Capability.VIDEO: "a red apple rolls across a white table",
}
BODY_CHARACTERS = 2000  # more than the fragment of a poll; of a whole page a bug report needs no more


async def probe_pages(account: Account, capability: str, transcript: Transcript) -> None:
    """Read Bing's start page, and for videos their page; nothing is requested, so nothing is spent.

    Raises:
        ServiceError: What a page says; it is applied to the account, too.
    """
    async with ConnectionPool() as pool, _client(pool, account) as http:
        await _read_pages(account, capability, http, transcript)


async def probe_generation(account: Account, capability: str, transcript: Transcript, seconds: float) -> None:
    """Make one picture or video with this account on the lane that spends no boost, and poll for the result.

    A video passes once Bing has accepted it, even if none arrives within `seconds`. The request is never sent
    a second time.

    Raises:
        NoAccountError: The account has no room or is not usable; nothing was requested.
        ServiceError: The failure of the request; it is applied to the account, as after any task.
    """
    async with ConnectionPool() as pool, _client(pool, account) as http:
        await _read_pages(account, capability, http, transcript)
        lease = await sync_to_async(_reserve_slot)(account, capability, seconds)
        session = _RecordedSession(account, pool, http, transcript)
        generation = _ProbeGeneration(account, capability, session, transcript)
        try:
            await generation.run(seconds)
        finally:
            await sync_to_async(_let_go)(lease, generation.busy_until)
            await session.save_jar()
        if isinstance(generation.found, Images):
            async with pool.media_client(proxy=account.proxy) as media:
                file = await fetch_picture(media, generation.found.urls[0])
            words = f"status {file.status}, {file.media_type or 'no type'}, {len(file.content)} bytes"
            transcript.note(f"The first of them, fetched without cookies: {words}.")


def _client(pool: ConnectionPool, account: Account) -> httpx.AsyncClient:
    return pool.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)


async def _read_pages(account: Account, capability: str, http: httpx.AsyncClient, transcript: Transcript) -> None:
    try:
        page = await fetch_session(http, settings.BING_URL)
        transcript.hide(*jar_cookies(http).values())
        transcript.note(f"Bing's start page: {_head(page)}.")
        session = parse_session(page.status, page.headers, page.text)
        transcript.hide(session.ig, session.salt)
        known = [name for name, value in (("IG", session.ig), ("Salt", session.salt)) if value]
        transcript.note(f"It names {' and '.join(known) or 'neither IG nor Salt'}.")
        if not session.signed_in:
            raise CookieExpiredError
        check = check_images if capability == Capability.IMAGE else check_videos
        finding = await check(CheckContext(account, http, page.text, may_open=False))
        transcript.note(finding.note)
    except ServiceError as error:
        await sync_to_async(account_services.apply_error)(account, capability, error, timezone.now())
        raise


def _head(answer: UpstreamResponse) -> str:
    """Describe a response by status, Location, Retry-After and length."""
    # Without the query of a sign-in address, which may identify somebody.
    location, again = (answer.headers.get(name, "") for name in ("location", "retry-after"))
    address, mark, _ = location.partition("?")
    target = location if "/images/create" in address else address + (mark and "?…")
    parts = [target and f"to {target}", again and f"again after {again}", f"{len(answer.text)} characters"]
    return ", ".join([f"status {answer.status}", *filter(None, parts)])


def _reserve_slot(account: Account, capability: str, seconds: float) -> Lease:
    """Reserve a slot of the account for as long as a task would; it expires by itself if this process dies."""
    now = timezone.now()
    until = max(result_deadline(capability, now), now + timedelta(seconds=seconds))
    # Not renewed, because Bing continues whether or not this process lives (decision 60).
    lease = reserve_slot(account.pk, capability, "probe", now, until)
    if lease is None:
        raise NoAccountError(
            "Nothing was requested: the account is in a cooldown, not usable, or at its limit. The admin shows which, "
            "under Accounts."
        )
    return lease


def _let_go(lease: Lease, busy_until: datetime | None) -> None:
    """Release the slot at once, or when Bing has certainly finished."""
    if busy_until is None or busy_until <= timezone.now():
        drop_lease(lease.pk)
    else:
        keep_lease(lease.pk, busy_until)


class _RecordedSession(AccountSession):
    """The account's session over the client that has read its pages; every exchange is recorded."""

    def __init__(self, account: Account, pool: ConnectionPool, http: httpx.AsyncClient, transcript: Transcript) -> None:
        super().__init__(account, pool)
        self._http = http
        self._recorded = _RecordedCreator(http, account, transcript)

    @property
    def creator(self) -> ImageCreatorClient:
        """The recording client."""
        return self._recorded


class _RecordedCreator(ImageCreatorClient):
    """The creator's client, which records its exchanges."""

    def __init__(self, http: httpx.AsyncClient, account: Account, transcript: Transcript) -> None:
        super().__init__(http, settings.BING_URL)
        self._account, self._transcript = account, transcript
        self._body = ""

    async def send(self, request: CreatorRequest) -> UpstreamResponse:
        """Record the request before it is sent, because it may be unknown afterwards whether it arrived."""
        self._hide()
        form = f" with {request.body}" if request.body else ""
        self._transcript.record(f"> {request.method} {request.path}{form}")
        answer = await super().send(request)
        self._hide()
        self._transcript.record(f"< {_head(answer)}")
        if answer.text.strip() and answer.text != self._body:
            self._transcript.record(f"< {answer.text[:BODY_CHARACTERS]}")
        self._body = answer.text
        return answer

    def _hide(self) -> None:
        """Mask the session's number and all cookies, also those that Bing has set since."""
        self._transcript.hide(self._account.session_ig, *self._account.jar.values(), *jar_cookies(self._http).values())


class _ProbeGeneration:
    """One picture or video, from the request to its result.

    Attributes:
        busy_until: Until when Bing may still work on it; None once it certainly does not.
        found: The result.
    """

    def __init__(self, account: Account, capability: str, session: AccountSession, transcript: Transcript) -> None:
        now = timezone.now()
        prompt = PROMPTS[Capability(capability)]
        # Never saved, so that the probe appears in no quota, figure or list (decision 60).
        task = Task(kind=capability, prompt=prompt, speed="standard", lane="standard", account=account, created_at=now)
        task.deadline_at = result_deadline(capability, now)
        self._generation = RunningTask.of(task)
        self._session, self._transcript = session, transcript
        self.busy_until: datetime | None = None
        self.found: Images | Video | None = None
        self._drift: Counter[str] = Counter()

    async def run(self, seconds: float) -> None:
        """Send the request once, and poll until the result arrives or the time is over.

        Raises:
            ServiceError: The failure of the request.
        """
        accepted = await self._submit()
        generation, now = self._generation, timezone.now()
        self.busy_until = result_deadline(generation.claim.kind, now)
        generation.accept(accepted.request_id, now, self.busy_until)
        where = f"a redirect to {accepted.location}" if accepted.location else "a page, without a redirect"
        self._transcript.note(f"Bing accepted it under the id {accepted.request_id}, with {where}.")
        if accepted.location:
            refusal = await visit_redirect(generation, self._session, accepted.location)
            if refusal is not None:
                raise self._ended(refusal)
            self._transcript.note("The page behind the redirect was opened once; it shows no refusal.")
        try:
            await self._follow(now, seconds)
        finally:
            self._log_drift()
        if self.found is not None:
            await self._log_result(self.found, now)
        elif generation.claim.kind == Capability.IMAGE:
            raise UpstreamTimeoutError("Bing accepted it, and no picture came in the time given.", code="timeout")
        else:
            self._transcript.note(
                f"No video yet, {generation.poll_log}. This proves that Bing accepts requests, not that it delivers."
            )

    async def _submit(self) -> Accepted:
        order, claim = self._generation.order(), self._generation.claim
        shape = f"{order.model}, {order.aspect}, " if order.kind == "image" else ""
        wording = f"{shape}lane {order.lane}: {order.prompt}"
        self._transcript.note(f"Requesting one {order.kind}, once: {wording}")
        self.busy_until = slot_end(claim.kind, claim.submit_at)
        outcome = await submit_task(self._generation, self._session, lambda: True)
        if isinstance(outcome, Accepted):
            return outcome
        if isinstance(outcome, Uncertain):
            raise SubmitOutcomeUnknownError(
                "It is unknown whether Bing accepted the request, so it is not sent again.", detail=outcome.error.detail
            )
        if not isinstance(outcome, Failed):
            self.busy_until = None
        raise outcome.error

    async def _follow(self, accepted_at: datetime, seconds: float) -> None:
        generation, schedule = self._generation, PollSchedule()
        minimum = 0.0
        self._transcript.note(f"Polling for the result, for {seconds / 60:g} minutes at most.")
        while (age := (timezone.now() - accepted_at).total_seconds()) + minimum < seconds:
            pause = minimum or schedule.pause_seconds((generation.claim.kind, generation.model, generation.lane), age)
            await asyncio.sleep(min(pause, seconds - age))
            outcome = await poll_task(generation, self._session)
            self._drift.update(filter(None, [generation.unknown_content]))
            if isinstance(outcome, Failed):
                raise self._ended(outcome)
            if isinstance(outcome, Completed):
                self.found, self.busy_until = outcome.found, None
                return
            minimum = outcome.seconds
            if outcome.event is not None:
                self._transcript.note(outcome.event[1])
            else:
                self._transcript.record(f"= {outcome.failure or 'not ready'}")

    def _log_drift(self) -> None:
        """Print the bodies of no known form as a table that can be pasted into a report."""
        if self._drift:
            self._transcript.note("Drift, to be reported with this file: | polls | of no known form |")
        for content, count in self._drift.items():
            self._transcript.note(f"| {count} | {content} |")

    def _ended(self, outcome: Failed) -> ServiceError:
        claim = self._generation.claim
        self.busy_until = slot_end(claim.kind, claim.submit_at) if outcome.may_run else None
        return outcome.error

    async def _log_result(self, found: Images | Video, accepted_at: datetime) -> None:
        now, generation = timezone.now(), self._generation
        await sync_to_async(account_services.mark_success)(self._session.account, generation.claim.kind, now)
        urls = found.urls if isinstance(found, Images) else (found.url,)
        took = f"{(now - accepted_at).total_seconds():.0f} s"
        self._transcript.note(f"Ready after {took}, {generation.poll_log}: {len(urls)} {generation.claim.kind}(s).")
        for url in urls:
            self._transcript.note(url)
        if isinstance(found, Images):
            self._transcript.note(f"Bing's wording: {found.prompt or 'none'}")
