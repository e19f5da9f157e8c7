"""Notifications: e-mail to a real SMTP server, signed requests to a real webhook, and their faults."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from email import message_from_string
from typing import Any

import pytest
from django.utils import timezone

from bingproject.alerts import notifications
from bingproject.conf.timestamps import iso
from bingproject.models import Alert
from tests.receivers import Post, Webhook, serving

SECRET = "the-secret-of-the-webhook"
PASSWORD = "the-password-of-the-mail-server"


@pytest.fixture(autouse=True)
def setup(settings: Any) -> None:
    """Allow requests to loopback."""
    settings.ALLOW_PRIVATE_ADDRESSES = ["127.0.0.1"]
    settings.ALERT_WEBHOOK_SECRET = SECRET
    settings.PUBLIC_URL = "https://pictures.example.org"


def by_mail(settings: Any, port: int) -> None:
    """Letters go to this port."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5
    settings.ALERT_EMAIL, settings.DEFAULT_FROM_EMAIL = ["anna@example.org", "bert@example.org"], "server@example.org"


@pytest.fixture
def hook(settings: Any) -> Iterator[Webhook]:
    """A webhook that takes everything."""
    with serving(Webhook()) as server:
        settings.ALERT_WEBHOOK_URL = server.url
        yield server


def alert(cause: str = "account 3 blocked") -> Alert:
    """Something that is the matter."""
    now = timezone.now()
    summary = "Microsoft has blocked the account mäx."
    return Alert(cause=cause, summary=summary, what_to_do="Look at it in a browser.", began_at=now, seen_at=now)


def test_nobody_to_tell(settings: Any) -> None:
    """Without settings there is no way, and telling does nothing."""
    settings.ALERT_EMAIL, settings.ALERT_WEBHOOK_URL = [], ""
    assert not notifications.has_channel()
    assert (
        notifications.notify(notifications.message([alert()], timezone.now()), pause_seconds=0.01)
        == notifications.Outcome()
    )


def test_a_letter(settings: Any) -> None:
    """Its subject says what is the matter, its text what to do and where to look; everybody named gets it."""
    with serving(Post()) as post:
        by_mail(settings, post.port)
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "server", PASSWORD
        outcome = notifications.notify(notifications.message([alert(), alert("another")], timezone.now()))
    assert outcome == notifications.Outcome(delivered=["e-mail"])
    letter = message_from_string(post.letters[0])
    text = letter.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert letter["To"] == "anna@example.org, bert@example.org" and letter["From"] == "server@example.org"
    assert b"Look at it in a browser." in text and b"https://pictures.example.org/admin/bingproject/alert/" in text
    message = notifications.message([alert(), alert("another")], timezone.now())
    assert message.subject == "[bingproject] Microsoft has blocked the account mäx. (and 1 more)"
    assert PASSWORD not in post.letters[0]


def test_a_signed_request(hook: Webhook) -> None:
    """JSON that names each cause; the signature is that of time stamp and body, as the documents verify it."""
    row = alert()
    message = notifications.message([row], timezone.now())
    assert notifications.notify(message) == notifications.Outcome(delivered=["webhook"])
    ((path, headers, body),) = hook.seen
    signed = headers["x-bingproject-timestamp"].encode() + b"." + body
    expected = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert path == "/hook" and hmac.compare_digest(headers["x-bingproject-signature"], expected)
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {
        "id": message.id,
        "sent_at": iso(message.at),
        "is_test": False,
        "server": "https://pictures.example.org",
        "alerts": [
            {
                "cause": row.cause,
                "summary": row.summary,
                "what_to_do": row.what_to_do,
                "began_at": iso(row.began_at),
            }
        ],
    }


def test_a_test_says_so(hook: Webhook) -> None:
    """Nothing is wrong, and both ways say it."""
    message = notifications.message([], timezone.now())
    assert "test" in message.subject and "Nothing is wrong" in message.text
    assert notifications.notify(message).is_notified
    assert json.loads(hook.seen[0][2])["is_test"] is True


def test_a_webhook_that_stumbles_is_asked_again(settings: Any) -> None:
    """Up to three times, each with the same id and a signature of its own; then it has arrived."""
    with serving(Webhook(500, 429, 200)) as hook:
        settings.ALERT_WEBHOOK_URL = hook.url
        assert notifications.notify(notifications.message([alert()], timezone.now()), pause_seconds=0.01).delivered == [
            "webhook"
        ]
    assert len({json.loads(body)["id"] for _, _, body in hook.seen}) == 1 and len(hook.seen) == 3


@pytest.mark.parametrize(
    ("status", "count", "words"), [(503, 3, "answered 503"), (404, 1, "answered 404"), (302, 3, "are not followed")]
)
def test_a_webhook_that_refuses(settings: Any, status: int, count: int, words: str) -> None:
    """What cannot be mended by a repeat is not repeated; the fault names way and status."""
    with serving(Webhook(status)) as hook:
        settings.ALERT_WEBHOOK_URL = hook.url
        (fault,) = notifications.notify(notifications.message([alert()], timezone.now()), pause_seconds=0.01).faults
    assert fault.startswith("webhook: ") and words in fault and len(hook.seen) == count
    assert "/elsewhere" not in {path for path, _, _ in hook.seen}


def test_a_webhook_in_the_own_network_is_refused(hook: Webhook, settings: Any) -> None:
    """Unless the operator has named the network; the fault says how, and nothing was sent."""
    settings.ALLOW_PRIVATE_ADDRESSES = []
    (fault,) = notifications.notify(notifications.message([alert()], timezone.now()), pause_seconds=0.01).faults
    assert "ALLOW_PRIVATE_ADDRESSES" in fault and hook.seen == []


@pytest.mark.parametrize(
    ("refused", "answer", "words"),
    [
        ("AUTH", f"535 not {PASSWORD}", "does not take the name and password of EMAIL_URL"),
        ("MAIL", "550 go away", "the mail server answered 550"),
        ("RCPT", "550 unknown", "did not take it (SMTPRecipientsRefused)"),
    ],
)
def test_a_mail_server_that_refuses(settings: Any, refused: str, answer: str, words: str) -> None:
    """The fault is plain, and what the server says is left out of it: it may repeat what it was given."""
    with serving(Post(refused=refused, answer=answer)) as post:
        by_mail(settings, post.port)
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "server", PASSWORD
        outcome = notifications.notify(notifications.message([alert()], timezone.now()), pause_seconds=0.01)
    (fault,) = outcome.faults
    assert words in fault and PASSWORD not in fault and not outcome.is_notified


def test_a_mail_server_that_is_not_there(hook: Webhook, settings: Any) -> None:
    """The other way is used all the same, and the fault stands beside it."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        by_mail(settings, unheard.getsockname()[1])
        outcome = notifications.notify(notifications.message([alert()], timezone.now()), pause_seconds=0.01)
    assert outcome.delivered == ["webhook"] and "e-mail: the mail server cannot be reached" in outcome.faults[0]
