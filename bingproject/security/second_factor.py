"""The second factor of operators who want one: codes of an authenticator program, and recovery codes.

The key is sealed at rest and shown once; recovery codes are kept as hashes. A wrong code makes the next one wait, twice
as long each time; a recovery code has too many bits to be guessed and waits for nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32decode, b32encode
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django_otp import login as remember_device
from django_otp.oath import TOTP

from bingproject.models import Authenticator, RecoveryCode
from bingproject.seals import seal, unseal

KEY_BYTES = 20
RECOVERY_BYTES = 10  # 16 letters
RECOVERY_COUNT = 10
STEP_SECONDS = 30
TOLERANCE_STEPS = 1
ISSUER = "bingproject"


def is_due(request: HttpRequest) -> bool:
    """Whether the operator has a second factor and this session has not shown it yet.

    Asked many times for a page, so the answer is kept with the request.
    """
    user: Any = request.user  # the middleware has put the device on it
    if user.otp_device is not None:  # also within the request in which its code is shown
        return False
    known: tuple[Any, bool] = getattr(request, "second_factor_known", (None, False))
    if known[0] != user.pk:
        known = (user.pk, has_factor(user))
        request.second_factor_known = known  # type: ignore[attr-defined]
    return known[1]


def has_factor(user: Any) -> bool:
    """Whether the operator has to show a code."""
    return bool(Authenticator.objects.filter(user=user, confirmed=True).exists())


def begin(user: Any) -> tuple[str, str]:
    """A new key, not yet in force: as text to be typed, and as the address that programs read from a QR code."""
    key = b32encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
    with transaction.atomic():
        Authenticator.objects.filter(user=user, confirmed=False).delete()
        Authenticator.objects.create(user=user, name="authenticator", confirmed=False, sealed_key=seal(key))
    query = urlencode({"secret": key, "issuer": ISSUER})
    return key, f"otpauth://totp/{ISSUER}:{quote(user.get_username())}?{query}"


def confirm(request: HttpRequest, code: str) -> list[str] | None:
    """Put the new key in force by its first code, and consider the code shown: recovery codes, or None when wrong."""
    with transaction.atomic():
        fresh = Authenticator.objects.select_for_update().filter(user=request.user, confirmed=False).first()
        if fresh is None or has_factor(request.user) or not _is_taken(fresh, code):
            return None
        fresh.confirmed = True
        fresh.save(update_fields=["confirmed"])
        codes = _renew_codes(request.user)
    remember_device(request, fresh)
    return codes


def show(request: HttpRequest, code: str) -> bool:
    """Take a code, or a recovery code, which is used up by it; from then on the session has shown its factor."""
    device = Authenticator.objects.filter(user=request.user, confirmed=True).first()
    if device is None or not _is_good(device, code):
        return False
    request.session.cycle_key()
    remember_device(request, device)
    return True


def renew_codes(request: HttpRequest, code: str) -> list[str] | None:
    """Other recovery codes in place of those there were; None when the code is wrong."""
    return _renew_codes(request.user) if show(request, code) else None


def remove(request: HttpRequest, code: str) -> bool:
    """Do without a second factor again; False when the code is wrong."""
    return show(request, code) and bool(remove_of(request.user))


def remove_of(user: Any) -> int:
    """Take an operator's second factor away, whatever they can show; how many there were: one or none."""
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        Authenticator.objects.filter(user=user, confirmed=False).delete()
        return int(Authenticator.objects.filter(user=user).delete()[0])


def find_operator(name: str) -> User | None:
    """The operator of this name."""
    return User.objects.filter(username=name).first()


def _is_good(device: Authenticator, text: str) -> bool:
    code = "".join(text.split()).replace("-", "").lower()
    if code.isdecimal():
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=device.pk).first()
            return row is not None and _is_taken(row, code)
    return bool(RecoveryCode.objects.filter(user=device.user_id, code_hash=_hash(code)).delete()[0])


def _is_taken(device: Authenticator, code: str) -> bool:
    """Whether it is a code of now that was not taken before; the caller holds the row."""
    code = "".join(code.split())
    if not device.verify_is_allowed()[0]:
        return False
    clock = TOTP(b32decode(unseal(device.sealed_key)), STEP_SECONDS)
    is_number = code.isascii() and code.isdecimal() and len(code) == clock.digits
    if not (is_number and clock.verify(int(code), TOLERANCE_STEPS, device.last_step + 1)):
        device.throttle_increment()
        return False
    device.last_step = clock.t()
    device.throttle_reset()
    return True


def _renew_codes(user: Any) -> list[str]:
    texts = [b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode("ascii").lower() for _ in range(RECOVERY_COUNT)]
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user=user, code_hash=_hash(text)) for text in texts)
    return ["-".join(text[start : start + 4] for start in range(0, len(text), 4)) for text in texts]


def _hash(text: str) -> str:
    return hashlib.sha256(b"bingproject recovery code:" + text.encode()).hexdigest()
