"""The optional second factor of operators: codes of an authenticator app, and recovery codes.

The key is encrypted at rest and shown once; recovery codes are stored as hashes. After a wrong code the next one has to
wait, twice as long each time. Recovery codes need no wait: 80 bits cannot be guessed.
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

from bingproject.conf.environment import SettingError
from bingproject.models import Authenticator, RecoveryCode
from bingproject.security.encryption import decrypt, encrypt

KEY_BYTES = 20
RECOVERY_BYTES = 10  # 16 letters
RECOVERY_COUNT = 10
STEP_SECONDS = 30
TOLERANCE_STEPS = 1
ISSUER = "bingproject"


def is_due(request: HttpRequest) -> bool:
    """True if the operator has a second factor that this session has not passed yet.

    The answer is cached on the request, since each page asks many times.
    """
    user: Any = request.user  # django-otp's middleware has set `otp_device`
    if user.otp_device is not None:  # set as soon as the code was accepted, within the same request
        return False
    known: tuple[Any, bool] = getattr(request, "second_factor_known", (None, False))
    if known[0] != user.pk:
        known = (user.pk, has_factor(user))
        request.second_factor_known = known  # type: ignore[attr-defined]
    return known[1]


def has_factor(user: Any) -> bool:
    """True if the operator has a second factor."""
    return bool(Authenticator.objects.filter(user=user, confirmed=True).exists())


def is_undecryptable(user: Any) -> bool:
    """True if no code can be checked, because SEAL_KEYS lacks the key that the operator's secret is encrypted with."""
    try:
        for device in Authenticator.objects.filter(user=user):
            decrypt(device.encrypted_key)
    except SettingError:
        return True
    return False


def begin(user: Any) -> tuple[str, str]:
    """Create a key that is not in force yet; return it as text to type, and as the URL for a QR code."""
    key = b32encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
    with transaction.atomic():
        Authenticator.objects.filter(user=user, confirmed=False).delete()
        Authenticator.objects.create(user=user, name="authenticator", confirmed=False, encrypted_key=encrypt(key))
    query = urlencode({"secret": key, "issuer": ISSUER})
    return key, f"otpauth://totp/{ISSUER}:{quote(user.get_username())}?{query}"


def confirm(request: HttpRequest, code: str) -> list[str] | None:
    """Put the new key in force by its first code. Return recovery codes, or None if the code is wrong."""
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
    """Check a code or a recovery code, which it uses up; if it is right, this session has passed the second factor."""
    device = Authenticator.objects.filter(user=request.user, confirmed=True).first()
    if device is None or not _is_good(device, code):
        return False
    request.session.cycle_key()
    remember_device(request, device)
    return True


def renew_codes(request: HttpRequest, code: str) -> list[str] | None:
    """Replace the recovery codes and return the new ones; None if the code is wrong."""
    return _renew_codes(request.user) if show(request, code) else None


def remove(request: HttpRequest, code: str) -> bool:
    """Remove the second factor; return False if the code is wrong."""
    return show(request, code) and bool(remove_of(request.user))


def remove_of(user: Any) -> int:
    """Remove an operator's second factor without a code; return how many there were, one or none."""
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        Authenticator.objects.filter(user=user, confirmed=False).delete()
        return int(Authenticator.objects.filter(user=user).delete()[0])


def find_operator(name: str) -> User | None:
    """Return the operator of this name, None if there is none."""
    return User.objects.filter(username=name).first()


def _is_good(device: Authenticator, text: str) -> bool:
    code = "".join(text.split()).replace("-", "").lower()
    if code.isdecimal():
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=device.pk).first()
            return row is not None and _is_taken(row, code)
    return bool(RecoveryCode.objects.filter(user=device.user_id, code_hash=_hash(code)).delete()[0])


def _is_taken(device: Authenticator, code: str) -> bool:
    """True if the code is valid now and was not used before. The caller has locked the row."""
    code = "".join(code.split())
    if not device.verify_is_allowed()[0]:
        return False
    try:
        key = decrypt(device.encrypted_key)
    except SettingError:
        return False
    clock = TOTP(b32decode(key), STEP_SECONDS)
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
