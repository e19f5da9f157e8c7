"""An authenticator program, as an operator's telephone has it."""

from __future__ import annotations

import time
from base64 import b32decode

from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP
from selectolax.lexbor import LexborHTMLParser

PASSWORD = "a-long-Passphrase-9"


def code_of(key: str, *, steps: int = 0) -> str:
    """The code that belongs to the key now, or some half minutes later."""
    clock = TOTP(b32decode(key.replace(" ", "")))
    clock.time = time.time() + 30 * steps
    return f"{clock.token():06d}"


def wrong(code: str) -> str:
    """Another one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def make_operator(name: str = "anna") -> User:
    """Somebody who may do everything."""
    return User.objects.create_superuser(name, password=PASSWORD)


def send_password(client: Client, name: str = "anna", password: str = PASSWORD, path: str = "/admin/login/") -> str:
    """Log in with name and password; the page that comes of it."""
    return client.post(path, {"username": name, "password": password}, follow=True).content.decode()


def set_up(client: Client) -> tuple[str, list[str]]:
    """Set up a second factor on the page as it stands: the key, and the recovery codes."""
    begun = client.post("/admin/second-factor/", {"step": "begin"}, follow=True).content.decode()
    shown = LexborHTMLParser(begun).css_first("[data-key]")
    assert shown is not None, begun
    key = shown.text()
    done = client.post("/admin/second-factor/", {"step": "confirm", "code": code_of(key)}, follow=True).content.decode()
    codes = LexborHTMLParser(done).css_first("[data-recovery]")
    assert codes is not None, done
    return key, codes.text().split()
