"""What can be seen of pictures and videos: the pages on which they are asked for, and one that is really made."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from accounts import services as accounts
from accounts.client import fetch_session
from accounts.leases import drop_lease, keep_lease
from accounts.models import Account, Capability, Lease
from accounts.protocol import parse_session
from accounts.services import Look
from bingproject.errors import (
    CookieExpiredError,
    NoAccountError,
    ServiceError,
    SubmitOutcomeUnknownError,
    UpstreamTimeoutError,
)
from bingproject.transcripts import Transcript
from bingproject.upstream import Answer, Door, jar_cookies
from creator.client import ImageCreatorClient, fetch_picture
from creator.models import Task
from creator.protocol import HttpRequest, Images, Video
from creator.services.checks import check_images, check_videos
from creator.services.claims import take_room
from creator.services.generation import (
    Generation,
    GivenUp,
    Later,
    Refused,
    Taken,
    Uncertain,
    poll_task,
    submit_task,
    visit_redirect,
)
from creator.services.records import result_deadline, slot_end
from creator.services.sessions import AccountSession
from creator.timing import PollPlan

PROMPTS = {
    Capability.IMAGE: "a red apple on a white table",
    Capability.VIDEO: "a red apple rolls across a white table",
}
BODY_CHARACTERS = 2000  # a poll's fragment is shorter; of a whole page this is all that a bug report has use for


async def probe_pages(account: Account, capability: str, transcript: Transcript) -> None:
    """Read Bing's start page, and the one of videos for these; nothing is asked for, so nothing is spent.

    Raises: the ServiceError that a page means; the account is settled by it.
    """
    async with Door() as door, _client(door, account) as http:
        await _read_pages(account, capability, http, transcript)


async def probe_making(account: Account, capability: str, transcript: Transcript, seconds: float) -> None:
    """Have Bing make one picture or video as this account, at the speed that spends no boost, and look for the result.

    A video that Bing has taken is proved, though none comes within `seconds`. What was asked for is never asked again.
    Raises: the ServiceError that it came to; the account is settled by it, as after any task. NoAccountError when the
    account has no room, or is not usable: then nothing was asked for.
    """
    async with Door() as door, _client(door, account) as http:
        await _read_pages(account, capability, http, transcript)
        lease = await sync_to_async(_take_room)(account, capability, seconds)
        session = _RecordedSession(account, door, http, transcript)
        making = _Making(account, capability, session, transcript)
        try:
            await making.run(seconds)
        finally:
            await sync_to_async(_let_go)(lease, making.busy_until)
            await session.save_jar()
        if isinstance(making.found, Images):
            async with door.media_client(proxy=account.proxy) as media:
                file = await fetch_picture(media, making.found.urls[0])
            words = f"status {file.status}, {file.media_type or 'no type'}, {len(file.content)} bytes"
            transcript.note(f"The first of them, fetched without cookies: {words}.")


def _client(door: Door, account: Account) -> httpx.AsyncClient:
    return door.client(account.cookies | account.jar, proxy=account.proxy, user_agent=account.user_agent)


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
        finding = await check(Look(account, http, page.text, may_open=False))
        transcript.note(finding.note)
    except ServiceError as error:
        await sync_to_async(accounts.settle)(account, capability, error, timezone.now())
        raise


def _head(answer: Answer) -> str:
    """Status, where it leads, when to come again, length; a sign-in's query is its own, and may name somebody."""
    location, again = (answer.headers.get(name, "") for name in ("location", "retry-after"))
    address, mark, _ = location.partition("?")
    target = location if "/images/create" in address else address + (mark and "?…")
    told = [target and f"to {target}", again and f"again after {again}", f"{len(answer.text)} characters"]
    return ", ".join([f"status {answer.status}", *filter(None, told)])


def _take_room(account: Account, capability: str, seconds: float) -> Lease:
    """A place of the account's for as long as a task would have it; that is also its end if this process dies."""
    now = timezone.now()
    until = max(result_deadline(capability, now), now + timedelta(seconds=seconds))
    lease = take_room(account.pk, capability, "probe", now, until)
    if lease is None:
        raise NoAccountError(
            "Nothing was asked for: the account rests, is not usable, or makes as many as it may at once. The admin "
            "says which, under Accounts."
        )
    return lease


def _let_go(lease: Lease, busy_until: datetime | None) -> None:
    """Of the account, unless Bing may still be making what was asked for."""
    if busy_until is None or busy_until <= timezone.now():
        drop_lease(lease.pk)
    else:
        keep_lease(lease.pk, busy_until)


class _RecordedSession(AccountSession):
    """The account's session over the client that has read its pages; what is asked of Bing is written down."""

    def __init__(self, account: Account, door: Door, http: httpx.AsyncClient, transcript: Transcript) -> None:
        super().__init__(account, door)
        self._http = http
        self._recorded = _RecordedCreator(http, account, transcript)

    @property
    def creator(self) -> ImageCreatorClient:
        """The one that writes down."""
        return self._recorded


class _RecordedCreator(ImageCreatorClient):
    """The creator's client, whose exchanges are written down."""

    def __init__(self, http: httpx.AsyncClient, account: Account, transcript: Transcript) -> None:
        super().__init__(http, settings.BING_URL)
        self._account, self._transcript = account, transcript
        self._body = ""

    async def send(self, request: HttpRequest) -> Answer:
        """Write down what goes out before it does: whether it arrived may be the question."""
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
        """What Bing has set by now, too."""
        self._transcript.hide(self._account.session_ig, *self._account.jar.values(), *jar_cookies(self._http).values())


class _Making:
    """One picture or video, from being asked for to its result.

    Shape: `busy_until`: until when Bing may still be making it, None once it certainly is not; `found`: the result.
    """

    def __init__(self, account: Account, capability: str, session: AccountSession, transcript: Transcript) -> None:
        now = timezone.now()
        prompt = PROMPTS[Capability(capability)]
        # Never saved: what a runner keeps in memory of a task is all that is needed.
        task = Task(kind=capability, prompt=prompt, speed="standard", lane="standard", account=account, created_at=now)
        task.deadline_at = result_deadline(capability, now)
        self._generation = Generation.of(task)
        self._session, self._transcript = session, transcript
        self.busy_until: datetime | None = None
        self.found: Images | Video | None = None

    async def run(self, seconds: float) -> None:
        """Ask once, and look until the result is there or the time is up. Raises: the ServiceError that it came to."""
        taken = await self._ask()
        generation, now = self._generation, timezone.now()
        generation.request_id, generation.accepted_at = taken.request_id, now
        self.busy_until = result_deadline(generation.claim.kind, now)
        where = f"a redirect to {taken.location}" if taken.location else "a page, without a redirect"
        self._transcript.note(f"Bing took it under the id {taken.request_id}, with {where}.")
        if taken.location:
            seen = await visit_redirect(self._session, taken.location)
            if isinstance(seen, GivenUp):
                raise self._ended(seen)
            self._transcript.note("The page behind the redirect was opened once; it says nothing against it.")
        await self._follow(now, seconds)
        if self.found is not None:
            await self._tell(self.found, now)
        elif generation.claim.kind == Capability.IMAGE:
            raise UpstreamTimeoutError("Bing took it, and no picture came in the time given.", code="timeout")
        else:
            self._transcript.note(f"No video yet, {generation.looks}. That Bing took it is proved, its result is not.")

    async def _ask(self) -> Taken:
        order, claim = self._generation.order(), self._generation.claim
        shape = f"{order.model}, {order.aspect}, " if order.kind == "image" else ""
        wish = f"{shape}lane {order.lane}: {order.prompt}"
        self._transcript.note(f"Asking for one {order.kind}, once: {wish}")
        self.busy_until = slot_end(claim.kind, claim.submit_at)
        outcome = await submit_task(self._generation, self._session, lambda: True)
        if isinstance(outcome, Taken):
            return outcome
        if isinstance(outcome, Uncertain):
            raise SubmitOutcomeUnknownError(
                "It is not known whether Bing took the request, so it is not sent again.", detail=outcome.error.detail
            )
        if not (isinstance(outcome, Refused) and outcome.may_run):
            self.busy_until = None
        raise outcome.error

    async def _follow(self, accepted_at: datetime, seconds: float) -> None:
        generation, plan = self._generation, PollPlan()
        minimum = 0.0
        self._transcript.note(f"Looking for the result, for {seconds / 60:g} minutes at most.")
        while (age := (timezone.now() - accepted_at).total_seconds()) + minimum < seconds:
            pause = minimum or plan.pause_seconds((generation.claim.kind, generation.model, generation.lane), age)
            await asyncio.sleep(min(pause, seconds - age))
            seen = await poll_task(generation, self._session)
            if isinstance(seen, GivenUp):
                raise self._ended(seen)
            if not isinstance(seen, Later):
                generation.looks.count += 1
                self.found, self.busy_until = seen, None
                return
            minimum = seen.seconds
            line = generation.looks.note(seen.trouble, age)
            if line is not None:
                self._transcript.note(line[1])
            else:
                self._transcript.record(f"= {seen.trouble or 'not ready'}")

    def _ended(self, end: GivenUp) -> ServiceError:
        claim = self._generation.claim
        self.busy_until = slot_end(claim.kind, claim.submit_at) if end.may_run else None
        return end.error

    async def _tell(self, found: Images | Video, accepted_at: datetime) -> None:
        now, generation = timezone.now(), self._generation
        await sync_to_async(accounts.mark_success)(generation.account_id, generation.claim.kind, now)
        urls = found.urls if isinstance(found, Images) else (found.url,)
        took = f"{(now - accepted_at).total_seconds():.0f} s"
        self._transcript.note(f"Ready after {took}, {generation.looks}: {len(urls)} {generation.claim.kind}(s).")
        for url in urls:
            self._transcript.note(url)
        if isinstance(found, Images):
            self._transcript.note(f"Bing's wording: {found.prompt or 'none'}")
