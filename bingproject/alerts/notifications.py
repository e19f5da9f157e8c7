"""Notify operators by e-mail, by one signed webhook request, or by both, as the settings say.

The request is a POST of JSON. `X-Bingproject-Signature` is `sha256=` and the HMAC-SHA256, in hexadecimal digits, of
`<X-Bingproject-Timestamp>.<body>` under ALERT_WEBHOOK_SECRET; docs/operations.md shows how to verify it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from bingproject.conf.timestamps import iso
from bingproject.models import Alert
from bingproject.upstream.ssrf_guard import OutgoingError, post

WEBHOOK_TRIES = 3
WEBHOOK_PAUSE_SECONDS = 2.0
WEBHOOK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to the operators; without alerts it is a test."""

    id: str
    at: datetime
    alerts: Sequence[Alert]

    @property
    def subject(self) -> str:
        """The e-mail's subject, at most 150 characters."""
        if not self.alerts:
            return "[bingproject] A test: alerts arrive"
        more = f" (and {len(self.alerts) - 1} more)" if len(self.alerts) > 1 else ""
        return f"[bingproject] {self.alerts[0].summary}{more}"[:150]

    @property
    def text(self) -> str:
        """The e-mail's plain text."""
        parts = [f"{alert.summary}\nSince {iso(alert.began_at)}\n{alert.what_to_do}\n" for alert in self.alerts]
        if not parts:
            parts = ["An operator asked for this test in the admin. Nothing is wrong.\n"]
        if settings.PUBLIC_URL:
            parts.append(f"{settings.PUBLIC_URL}/admin/bingproject/alert/\n")
        return "\n".join(parts)

    @property
    def body(self) -> dict[str, Any]:
        """The object that is sent to ALERT_WEBHOOK_URL as JSON; docs/operations.md, "Alerts" describes its fields."""
        alerts = [
            {
                "cause": alert.cause,
                "summary": alert.summary,
                "what_to_do": alert.what_to_do,
                "began_at": iso(alert.began_at),
            }
            for alert in self.alerts
        ]
        return {
            "id": self.id,
            "sent_at": iso(self.at),
            "is_test": not self.alerts,
            "server": settings.PUBLIC_URL,
            "alerts": alerts,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """The channels that delivered a notification, and one fault for each channel that failed."""

    delivered: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def is_notified(self) -> bool:
        """True if at least one channel delivered it."""
        return bool(self.delivered)


def has_channel() -> bool:
    """True if e-mail or the webhook is configured."""
    return bool(settings.ALERT_EMAIL or settings.ALERT_WEBHOOK_URL)


def message(alerts: Sequence[Alert], now: datetime) -> Notification:
    """Return a notification with a new id, by which a receiver recognises a repeated delivery."""
    return Notification(uuid.uuid4().hex, now, alerts)


def notify(
    message: Notification, *, tries: int = WEBHOOK_TRIES, pause_seconds: float = WEBHOOK_PAUSE_SECONDS
) -> Outcome:
    """Send it through every configured channel; a server's failure becomes a fault and is never raised."""
    outcome = Outcome()
    if settings.ALERT_EMAIL:
        _note(outcome, "e-mail", _send_email(message))
    if settings.ALERT_WEBHOOK_URL:
        _note(outcome, "webhook", _call_webhook(message, tries, pause_seconds))
    return outcome


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of `X-Bingproject-Signature`."""
    digest = hmac.new(secret.encode(), timestamp.encode("ascii") + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def _note(outcome: Outcome, channel: str, fault: str) -> None:
    if fault:
        outcome.faults.append(f"{channel}: {fault}")
    else:
        outcome.delivered.append(channel)


def _send_email(message: Notification) -> str:
    """Return the fault, or "" on success."""
    # A mail server's own text is left out: it may repeat the password or another value it was given.
    try:
        _deliver(EmailMessage(message.subject, message.text, to=list(settings.ALERT_EMAIL)))
    except smtplib.SMTPAuthenticationError:
        return "the mail server does not take the name and password of EMAIL_URL"
    except smtplib.SMTPResponseException as error:
        return f"the mail server answered {error.smtp_code}"
    except smtplib.SMTPException as error:
        return f"the mail server did not take it ({type(error).__name__})"
    except OSError as error:
        return f"the mail server cannot be reached ({error.strerror or type(error).__name__})"
    return ""


def _deliver(email: EmailMessage) -> None:
    # Not plain `email.send()`: Django leaves the connection open when the server refuses the log-in.
    email.connection = get_connection()
    try:
        email.send()
    finally:
        email.connection.close()


def _call_webhook(message: Notification, tries: int, pause_seconds: float) -> str:
    """Return the fault of the last try, or "" when it arrived."""
    body = json.dumps(message.body, ensure_ascii=False).encode()
    fault = ""
    for count in range(tries):
        time.sleep(pause_seconds * count)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"bingproject/{settings.VERSION}",
            "X-Bingproject-Timestamp": timestamp,
            "X-Bingproject-Signature": sign(settings.ALERT_WEBHOOK_SECRET, timestamp, body),
        }
        try:
            status = async_to_sync(post)(settings.ALERT_WEBHOOK_URL, body, headers, total_seconds=WEBHOOK_SECONDS)
        except OutgoingError as error:
            fault = str(error)
            continue
        if 200 <= status < 300:
            return ""
        fault = f"the other end answered {status}" + (", and redirects are not followed" if 300 <= status < 400 else "")
        if 400 <= status < 500 and status not in (408, 425, 429):
            break
    return fault
