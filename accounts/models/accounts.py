"""Models of accounts, their capabilities and leases, and the state changes of one row; no network access.

The state belongs to the account, the cooldown to the capability: an account that Bing limits for pictures may still
chat.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import F, Q

from accounts.microsoft.protocol import CLEARANCE_COOKIE, COOKIE_NAME
from accounts.microsoft.providers import PROVIDERS, Provider
from bingproject.conf.environment import SettingError
from bingproject.database.text_fields import SafeCharField, SafeTextField
from bingproject.errors import DecryptionError
from bingproject.security.encryption import EncryptedTextField, decrypt_cached, encrypt


class Capability(models.TextChoices):
    """A kind of work that an account can do."""

    IMAGE = "image", "Images"
    VIDEO = "video", "Videos"
    CHAT = "chat", "Chat"
    COPILOT = "copilot", "Copilot chat"
    M365 = "m365", "Microsoft 365 chat"


class AccountKind(models.TextChoices):
    """The Microsoft service that an account belongs to."""

    BING = "bing", "Bing"
    COPILOT = "copilot", "Copilot"
    M365 = "m365", "Microsoft 365"


CAPABILITIES = {
    AccountKind(provider.kind): tuple(Capability(terms.name) for terms in provider.capabilities)
    for provider in PROVIDERS.values()
}
_TERMS = {Capability(terms.name): terms for provider in PROVIDERS.values() for terms in provider.capabilities}
DEFAULT_LIMITS = {capability: terms.limit for capability, terms in _TERMS.items()}  # concurrent pieces of work
# (turns per minute, burst); Bing's own capabilities have no pace.
DEFAULT_PACES = {capability: terms.pace for capability, terms in _TERMS.items() if terms.pace}


class AccountState(models.TextChoices):
    """The account's state by the provider's last answer."""

    UNCHECKED = "unchecked", "Unchecked"
    OK = "ok", "OK"
    CHALLENGED = "challenged", "Challenged"
    EXPIRED = "expired", "Expired"
    BLOCKED = "blocked", "Blocked"


class CheckState(models.TextChoices):
    """The result of the last check of one capability; "" before the first one."""

    OK = "ok", "Works"
    FAILED = "failed", "Does not work"
    UNKNOWN = "unknown", "Cannot tell"


USABLE_STATES = (AccountState.UNCHECKED, AccountState.OK)
# Fields that new credentials of any kind reset, then those of each kind.
ROTATED_FIELDS = ("cookies_at", "state", "state_reason", "state_at", "checked_at", "last_error")
COOKIE_FIELDS = (
    "encrypted_cookies", "cookies_tail", "clearance_at", "session_ig", "encrypted_jar", "session_at", "boosts_left",
    "boosts_at",
)  # fmt: skip
TOKEN_FIELDS = ("encrypted_token", "token_expires_at")


UNDECRYPTABLE = (
    "The account's {what} cannot be decrypted: no key in SEAL_KEYS fits. The operator must put the key back, or enter "
    "the {what} again in the admin."
)


class Account(models.Model):
    """A Microsoft account that an operator owns.

    Raises: DecryptionError when a secret is read that no key in SEAL_KEYS decrypts.
    """

    name = SafeCharField(max_length=100, unique=True)
    kind = SafeCharField(max_length=8, choices=AccountKind, default=AccountKind.BING)
    encrypted_cookies = EncryptedTextField(default="", editable=False)
    cookies_tail = SafeCharField(max_length=4, default="", editable=False)
    cookies_at = models.DateTimeField(null=True, editable=False)
    # A digest of the last applied BING_COOKIE_U, so that a restart does not apply the same value again.
    applied_digest = SafeCharField(max_length=64, null=True, editable=False)  # type: ignore[misc] # only compared
    # An access token, or the name of a program in TOKEN_COMMANDS that prints a new one.
    encrypted_token = EncryptedTextField(default="", editable=False)
    token_command = SafeCharField(max_length=60, blank=True, default="")
    # When a process started that program; it keeps the others from starting it, too.
    token_asked_at = models.DateTimeField(null=True, editable=False)
    token_expires_at = models.DateTimeField("token ends", null=True, editable=False)
    # The account's address at its provider: read from the token, or typed in if the token is opaque.
    object_id = SafeCharField("object id", max_length=40, blank=True, default="")
    tenant_id = SafeCharField("tenant id", max_length=40, blank=True, default="")
    tier = SafeCharField("licence", max_length=12, blank=True, default="")
    # The consumer's sign-in: "" for a Microsoft account, or "google".
    identity_type = SafeCharField(max_length=12, blank=True, default="")
    # When the browser's clearance (Cloudflare's cookie) was stored.
    clearance_at = models.DateTimeField("clearance since", null=True, editable=False)
    encrypted_proxy = EncryptedTextField(default="", editable=False)
    user_agent = SafeCharField(max_length=300, blank=True, default="")
    is_enabled = models.BooleanField("enabled", default=True)
    notes = SafeTextField(blank=True, default="")
    state = SafeCharField(max_length=12, choices=AccountState, default=AccountState.UNCHECKED, editable=False)
    state_reason = SafeCharField("reason", max_length=300, cuts=True, default="", editable=False)
    state_at = models.DateTimeField("since", null=True, editable=False)
    checked_at = models.DateTimeField("last check", null=True, editable=False)
    # The last check's error if it says nothing about the account: an outage, an unreadable page.
    last_error = SafeCharField("last check failed with", max_length=300, cuts=True, default="", editable=False)
    # An operator asked for a check; the job that does it clears this.
    check_wanted_at = models.DateTimeField(null=True, editable=False)
    # When an operator last asked for a check; kept, so that the page of several checks finds its accounts.
    check_asked_at = models.DateTimeField(null=True, editable=False)
    # True if the check may also open a conversation, which counts against the account's limits.
    check_opens_chat = models.BooleanField(default=False, editable=False)
    # The image session from Bing's page, renewed when Bing rejects it.
    session_ig = SafeCharField(max_length=64, default="", editable=False)
    encrypted_jar = EncryptedTextField(default="", editable=False)
    session_at = models.DateTimeField(null=True, editable=False)
    # The number of boosts on the last page of Bing that showed it; None before the first one.
    boosts_left = models.PositiveIntegerField("boosts left", null=True, editable=False)
    boosts_at = models.DateTimeField("boosts read", null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the row; a new account gets its capabilities, with default limits, in the same transaction."""
        with transaction.atomic():
            is_new = self._state.adding
            super().save(*args, **kwargs)
            if is_new:
                AccountCapability.objects.bulk_create(map(self._capability, CAPABILITIES[AccountKind(self.kind)]))

    def _capability(self, capability: Capability) -> AccountCapability:
        per_minute, burst = DEFAULT_PACES.get(capability, (None, 1))
        return AccountCapability(
            account=self, capability=capability, limit=DEFAULT_LIMITS[capability], per_minute=per_minute, burst=burst
        )

    @property
    def provider(self) -> Provider:
        """The descriptor of the account's provider."""
        return PROVIDERS[self.kind]

    @property
    def token(self) -> str:
        """The decrypted access token; "" if there is none."""
        return self._open("token", self.encrypted_token)

    @property
    def cookies(self) -> dict[str, str]:
        """The operator's cookies by name, decrypted."""
        return dict(json.loads(self._open("cookies", self.encrypted_cookies) or "{}"))

    @property
    def jar(self) -> dict[str, str]:
        """Cookies that Bing has set since then, by name, decrypted."""
        return dict(json.loads(self._open("cookies", self.encrypted_jar) or "{}"))

    @property
    def proxy(self) -> str:
        """The decrypted address of the proxy; encrypted because it may contain a password."""
        return self._open("proxy", self.encrypted_proxy)

    @proxy.setter
    def proxy(self, address: str) -> None:
        self.encrypted_proxy = encrypt(address) if address else ""

    @property
    def undecryptable(self) -> list[str]:
        """The secrets ("cookies", "token", "proxy") that no key decrypts and no token command renews."""
        encrypted = {"cookies": (self.encrypted_cookies, self.encrypted_jar), "proxy": (self.encrypted_proxy,)}
        if not self.token_command:
            encrypted["token"] = (self.encrypted_token,)
        return [what for what, texts in encrypted.items() if not all(self._opens(what, text) for text in texts)]

    def _opens(self, what: str, encrypted: str) -> bool:
        try:
            self._open(what, encrypted)
        except DecryptionError:
            return False
        return True

    def _open(self, what: str, encrypted: str) -> str:
        try:
            return decrypt_cached(encrypted)
        except SettingError as error:
            raise DecryptionError(UNDECRYPTABLE.format(what=what)) from error

    def rotate(
        self, cookies: dict[str, str], now: datetime, *, token: str = "", expires_at: datetime | None = None
    ) -> None:
        """Store new credentials encrypted, and reset everything that was known about the old ones.

        Credentials that are not given are not written: a token command or a key rotation may have changed them since
        this row was read.
        """
        written = [*ROTATED_FIELDS, *(COOKIE_FIELDS if cookies else ()), *(TOKEN_FIELDS if token else ())]
        if cookies:
            sign_in = cookies.get(COOKIE_NAME, "")
            self.encrypted_cookies = encrypt(json.dumps(cookies))
            self.cookies_tail = sign_in[-4:] if len(sign_in) >= 16 else ""
            self.clearance_at = now if CLEARANCE_COOKIE in cookies else None
            self.session_ig, self.encrypted_jar, self.session_at = "", "", None
            self.boosts_left, self.boosts_at = None, None
        if token:
            self.encrypted_token, self.token_expires_at = encrypt(token), expires_at
        self.cookies_at = now
        self.state, self.state_reason, self.state_at = AccountState.UNCHECKED, "", now
        self.checked_at = None
        self.last_error = ""
        with transaction.atomic():
            self.save(update_fields=written)
            AccountCapability.objects.filter(account=self).clear_cooldowns()
            AccountCapability.objects.filter(account=self).update(check_state="", check_note="", checked_at=None)

    def mark(
        self, state: AccountState, reason: str, now: datetime, *, replacing: Collection[str] = AccountState.values
    ) -> bool:
        """Set the state, unless the cookies have been replaced since they were read.

        Returns:
            True if the row still had these cookies and one of the states in `replacing`.
        """
        changed = Account.objects.filter(pk=self.pk, cookies_at=self.cookies_at, state__in=replacing).update(
            state=state, state_reason=reason[:300], state_at=now, checked_at=now, last_error=""
        )
        if changed:
            self.state, self.state_reason, self.state_at, self.checked_at = state, reason[:300], now, now
            self.last_error = ""
        return bool(changed)

    def note_failed_check(self, text: str, now: datetime) -> None:
        """Store the error of a check that says nothing about the account, for the operator; the state stays."""
        self.last_error, self.checked_at = text[:300], now
        Account.objects.filter(pk=self.pk, cookies_at=self.cookies_at).update(
            last_error=self.last_error, checked_at=now
        )

    def save_session(self, ig: str, set_cookies: dict[str, str], now: datetime) -> None:
        """Store the image session and Bing's new cookies, for all processes that use the account."""
        self.session_ig, self.encrypted_jar, self.session_at = ig[:64], encrypt(json.dumps(self.jar | set_cookies)), now
        Account.objects.filter(pk=self.pk, cookies_at=self.cookies_at).update(
            session_ig=self.session_ig, encrypted_jar=self.encrypted_jar, session_at=now
        )

    def add_to_jar(self, set_cookies: dict[str, str]) -> None:
        """Store cookies that Bing set outside an image session, without touching the session."""
        with transaction.atomic():
            row = Account.objects.select_for_update().filter(pk=self.pk, cookies_at=self.cookies_at)
            self.encrypted_jar = row.values_list("encrypted_jar", flat=True).first() or self.encrypted_jar
            self.encrypted_jar = encrypt(json.dumps(self.jar | set_cookies))
            row.update(encrypted_jar=self.encrypted_jar)


class AccountCapabilityQuerySet(models.QuerySet["AccountCapability"]):
    """Queries for accounts that can get work."""

    def of_enabled(self, capability: str) -> AccountCapabilityQuerySet:
        """Filter capabilities of enabled accounts with credentials and a limit above 0, in any state."""
        switched_on = self.filter(capability=capability, limit__gt=0, account__is_enabled=True)
        has_none = Q(account__encrypted_cookies="", account__encrypted_token="", account__token_command="")
        return switched_on.exclude(has_none)

    def usable(self, capability: str, now: datetime) -> AccountCapabilityQuerySet:
        """Filter those that can get work now, least recently served first; the caller counts free slots."""
        return (
            self.of_enabled(capability)
            .filter(account__state__in=USABLE_STATES)
            .filter(Q(cooldown_until=None) | Q(cooldown_until__lte=now))
            .order_by(F("served_at").asc(nulls_first=True), "pk")
        )

    def clear_cooldowns(self) -> int:
        """End all cooldowns; return the number of capabilities that had one."""
        cooled_down = self.exclude(cooldown_until=None, fast_cooldown_until=None)
        return cooled_down.update(cooldown_until=None, cooldown_reason="", fast_cooldown_until=None, cooldown_count=0)


class AccountCapability(models.Model):
    """One capability of one account: its limit, pace, cooldown and last check."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="capabilities")
    capability = SafeCharField(max_length=8, choices=Capability)
    limit = models.PositiveSmallIntegerField("allowed at once", default=3)
    cooldown_until = models.DateTimeField("in cooldown until", null=True, blank=True)
    # When the cooldown was set; in the future if the clock has been set back since.
    cooldown_began_at = models.DateTimeField(null=True, editable=False)
    cooldown_reason = SafeCharField("because", max_length=300, cuts=True, default="", blank=True)
    cooldown_count = models.PositiveSmallIntegerField(default=0, editable=False)
    # Without boosts, only Bing's fast lane has a cooldown.
    fast_cooldown_until = models.DateTimeField("no boosts until", null=True, blank=True)
    fast_cooldown_began_at = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField("last success", null=True, editable=False)
    served_at = models.DateTimeField(null=True, editable=False)
    # The pace: starts per minute, and how many of them may follow each other at once; None is no pace.
    per_minute = models.PositiveSmallIntegerField("starts per minute", null=True, blank=True)
    burst = models.PositiveSmallIntegerField("burst", default=1)
    # When the next one may start; the pace needs no other state.
    paced_until = models.DateTimeField(null=True, editable=False)
    # The result of the last check; the note is a sentence for the operator.
    check_state = SafeCharField("last check", max_length=8, choices=CheckState, default="", editable=False)
    check_note = SafeCharField("found", max_length=300, cuts=True, default="", editable=False)
    checked_at = models.DateTimeField("checked", null=True, editable=False)

    objects = AccountCapabilityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "account capabilities"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "capability"], name="one_row_per_account_and_capability")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.capability}"

    def cool_down(self, until: datetime, reason: str, now: datetime) -> None:
        """Give no work of this kind before `until`, unless a longer cooldown is set already."""
        AccountCapability.objects.filter(pk=self.pk).filter(
            Q(cooldown_until=None) | Q(cooldown_until__lt=until)
        ).update(
            cooldown_until=until,
            cooldown_began_at=now,
            cooldown_reason=reason,
            cooldown_count=F("cooldown_count") + 1,
        )

    @classmethod
    def note_check(cls, account: Account, capability: str, state: CheckState, note: str, now: datetime) -> None:
        """Store a check's result, unless the account's cookies have been replaced in the meantime."""
        rows = cls.objects.filter(account=account, capability=capability, account__cookies_at=account.cookies_at)
        rows.update(check_state=state, check_note=note[:300], checked_at=now)

    def cool_down_fast_lane(self, until: datetime, now: datetime) -> None:
        """Use no boosts before `until`."""
        AccountCapability.objects.filter(pk=self.pk).update(fast_cooldown_until=until, fast_cooldown_began_at=now)


class Lease(models.Model):
    """The lease of an account by a chat turn or a single call, until 30 s after its last renewal or a fixed end."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="leases")
    capability = SafeCharField(max_length=8, choices=Capability)
    holder = SafeCharField(max_length=120, cuts=True)
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.account_id} {self.capability} {self.holder}"
