"""Run one real turn with a back end and record its frames, to find facts of docs/wire that no longer hold."""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.microsoft import services as account_services
from accounts.microsoft.leases import RENEW_SECONDS, Renewer, drop_lease, take_lease
from accounts.models import Account
from bingproject.errors import ServiceError
from bingproject.upstream.recording import Transcript
from chat import client
from chat.protocol.events import (
    Citations,
    Dialect,
    Event,
    Finished,
    Phase,
    Prompt,
    Refused,
    Suggestions,
    TextDelta,
    Throttling,
)
from chat.protocol.frame_log import FrameLog
from chat.services.backends import BACK_ENDS, Backend, TurnAttempt
from chat.services.catalogue import all_models

QUESTION = "Say the word ready, and nothing else."
BODY_CHARACTERS = 500


async def probe_chat(
    account: Account, capability: str, transcript: Transcript, *, renew_seconds: float = RENEW_SECONDS
) -> None:
    """Open a conversation and run one turn as this account, which is leased meanwhile. It counts like any turn.

    Raises:
        ServiceError: That of the turn; it is applied to the account, too.
    """
    back_end = next(one for one in BACK_ENDS.values() if one.capability == capability)
    lease = await sync_to_async(take_lease)(capability, "probe", timezone.now(), only=account.pk)
    renewer = Renewer(renew_seconds)
    if lease is None:
        transcript.note("The account is busy, out of its pace or not usable now; it is asked all the same.")
    else:
        renewer.hold(lease.pk)
    try:
        await _turn(back_end, account, transcript)
    except ServiceError as error:
        await sync_to_async(account_services.apply_error)(account, capability, error, timezone.now())
        raise
    finally:
        if lease is not None:
            renewer.release(lease.pk)
            await sync_to_async(drop_lease)(lease.pk)


async def _turn(back_end: Backend, account: Account, transcript: Transcript) -> None:
    credentials = await back_end.open_session(account)
    transcript.hide(account.token, *account.jar.values(), *credentials.values())
    transcript.note(f"A conversation of {back_end.errors.display_name} is open: {', '.join(sorted(credentials))}.")
    model, route = next(
        (model, route) for model in all_models().values() for route in model.routes if route.back_end == back_end.name
    )
    dialect = back_end.new_dialect(TurnAttempt(model, route, Prompt("", (), QUESTION), credentials, 0))
    address = await back_end.address(account, credentials)
    parts = urlsplit(address.url)
    transcript.note(f"Opening the socket {parts.scheme}://{parts.netloc}{parts.path} for the model {model.id}.")
    recorded = _RecordedDialect(dialect, transcript)
    event_log = _EventLog(transcript)
    try:
        async with aclosing(client.stream(address, recorded, back_end.timers())) as events:
            async for event in events:
                event_log.add(event)
    except client.UpgradeRefusedError as refused:
        transcript.note(f"The socket was refused with status {refused.status}: {refused.body[:BODY_CHARACTERS]}")
        raise back_end.refusal(refused.status, refused.headers, refused.body) from refused
    finally:
        # For a failed turn, the failure is the most important line.
        if recorded.has_begun:
            transcript.note(f"Came: {recorded.frame_log}.")
            transcript.note(f"Taken for: {event_log}. Not understood: {recorded.skipped}.")
    transcript.note(f"Asked: {QUESTION} Answered: {event_log.text[:BODY_CHARACTERS]}")


class _EventLog:
    """Count the events of a turn, and note those about the account or the back end."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._counts: Counter[str] = Counter()
        self.text = ""

    def add(self, event: Event) -> None:
        """Count one event, and note it if a person should see it."""
        self._counts[type(event).__name__] += 1
        if isinstance(event, TextDelta):
            if not self.text:
                self._transcript.note("The first text is here.")
            self.text += event.text
        elif line := _describe(event):
            self._transcript.note(line)

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self._counts.items()) or "nothing"


def _describe(event: Event) -> str:
    """Return the facts of an event that a person compares with docs/wire."""
    match event:
        case Throttling(used, limit):
            return f"Throttling: {used} of {limit} turns are used."
        case Suggestions(texts):
            return f"Suggestions: {len(texts)}, the first of them: {texts[0]}"
        case Citations(items):
            return f"Sources: {len(items)}, the first of them: {items[0].url}"
        case Refused(text, kind):
            return f"Refused ({kind}): {text}"
        case Finished(text, streamed, retire):
            rewritten = "" if text == streamed else "; the text was rewritten at the end"
            return f"Finished; the conversation {'is at its end' if retire else 'can go on'}{rewritten}."
    return ""


class _RecordedDialect:
    """Pass frames to a dialect and back, record them, and count them by kind."""

    def __init__(self, dialect: Dialect, transcript: Transcript) -> None:
        self._dialect, self._transcript = dialect, transcript
        self.frame_log = FrameLog()
        self.has_begun = False

    @property
    def finished(self) -> bool:
        return self._dialect.finished

    @property
    def phase(self) -> Phase:
        return self._dialect.phase

    @property
    def progress(self) -> int:
        return self._dialect.progress

    @property
    def skipped(self) -> int:
        return self._dialect.skipped

    @property
    def has_text(self) -> bool:
        return self._dialect.has_text

    def start(self) -> list[str]:
        self.has_begun = True
        self._transcript.note("The socket is open: status 101.")
        return self._sent(self._dialect.start())

    def receive(self, frame: str | bytes) -> list[Event]:
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        self._transcript.record(f"< {text}")
        self.frame_log.add(frame)
        known = self._dialect.skipped
        try:
            return self._dialect.receive(frame)
        finally:
            if self._dialect.skipped > known:
                self._transcript.note(f"Not understood, something in: {text[:BODY_CHARACTERS]}")

    def to_send(self) -> list[str]:
        return self._sent(self._dialect.to_send())

    def keepalive(self) -> list[str]:
        return self._sent(self._dialect.keepalive())

    def stop(self) -> list[str]:
        return self._sent(self._dialect.stop())

    def closed(self, code: int) -> list[Event]:
        self._transcript.record(f"< the socket was closed with {code}")
        return self._dialect.closed(code)

    def timed_out(self) -> list[Event]:
        self._transcript.record(f"< nothing in time, in the phase {self.phase}")
        return self._dialect.timed_out()

    def _sent(self, frames: list[str]) -> list[str]:
        for frame in frames:
            self._transcript.record(f"> {frame}")
        return frames
