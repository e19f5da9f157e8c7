"""Accounts, their capabilities, leases, whitelisted users and keys: rows and the transitions of one row.

Never the network. State belongs to the account, cool-down to the capability: an account that Bing slows down for
pictures may still chat.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import F, Q

from accounts.protocol import CLEARANCE_COOKIE, COOKIE_NAME
from bingproject.environment import SettingError
from bingproject.errors import UnopenedError
from bingproject.seals import SealedTextField, seal, unseal_often


class Capability(models.TextChoices):
    """What an account can be asked for."""

    IMAGE = "image", "Images"
    VIDEO = "video", "Videos"
    CHAT = "chat", "Chat"
    COPILOT = "copilot", "Copilot chat"
    M365 = "m365", "Microsoft 365 chat"


class AccountKind(models.TextChoices):
    """Which of Microsoft's services an account is used with."""

    BING = "bing", "Bing"
    COPILOT = "copilot", "Copilot"
    M365 = "m365", "Microsoft 365"


CAPABILITIES = {
    AccountKind.BING: (Capability.IMAGE, Capability.VIDEO, Capability.CHAT),
    AccountKind.COPILOT: (Capability.COPILOT,),
    AccountKind.M365: (Capability.M365,),
}
# How many at once; the two Copilots fail with more, says docs/wire.
DEFAULT_LIMITS = {
    Capability.IMAGE: 3,
    Capability.VIDEO: 3,
    Capability.CHAT: 4,
    Capability.COPILOT: 1,
    Capability.M365: 1,
}
# Turns a minute, and how many of them may come in a row.
DEFAULT_PACES = {Capability.COPILOT: (12, 4)}


class AccountState(models.TextChoices):
    """What Bing last said of the account itself."""

    UNCHECKED = "unchecked", "Unchecked"
    OK = "ok", "OK"
    CHALLENGED = "challenged", "Challenged"
    EXPIRED = "expired", "Expired"
    BLOCKED = "blocked", "Blocked"


class CheckState(models.TextChoices):
    """What a check of one capability came to; "" before the first one."""

    OK = "ok", "Works"
    FAILED = "failed", "Does not work"
    UNKNOWN = "unknown", "Cannot tell"


USABLE_STATES = (AccountState.UNCHECKED, AccountState.OK)
# What new credentials of any kind change, and those of each besides.
ROTATED_FIELDS = ("cookies_at", "state", "state_reason", "state_at", "checked_at", "last_error")
COOKIE_FIELDS = ("sealed_cookies", "cookies_tail", "clearance_at", "session_ig", "sealed_jar", "session_at")
TOKEN_FIELDS = ("sealed_token", "token_expires_at")


UNOPENED = (
    "The account's {what} cannot be opened: sealed with a key that is not in SEAL_KEYS. The operator must put that key "
    "back, or give the {what} anew in the admin."
)


class Account(models.Model):
    """A Microsoft account that an operator owns.

    Raises: UnopenedError where a secret is read that no key in SEAL_KEYS opens.
    """

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=8, choices=AccountKind, default=AccountKind.BING)
    sealed_cookies = SealedTextField(default="", editable=False)
    cookies_tail = models.CharField(max_length=4, default="", editable=False)
    cookies_at = models.DateTimeField(null=True, editable=False)
    # By which the value of BING_COOKIE_U that was applied last is known again.
    applied_digest = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001 - a process of the release before leaves it out
    # An access token, or the name of the program that prints a fresh one (TOKEN_COMMANDS).
    sealed_token = SealedTextField(default="", editable=False)
    token_command = models.CharField(max_length=60, blank=True, default="")
    # Since when a process is running that program: of several only one does.
    token_asked_at = models.DateTimeField(null=True, editable=False)
    token_expires_at = models.DateTimeField("token ends", null=True, editable=False)
    # What addresses a Microsoft 365 account: from its token, or typed where the token cannot be looked into.
    object_id = models.CharField("object id", max_length=40, blank=True, default="")
    tenant_id = models.CharField("tenant id", max_length=40, blank=True, default="")
    tier = models.CharField("licence", max_length=12, blank=True, default="")
    # How the consumer's sign-in was done: "" for a Microsoft account, "google".
    identity_type = models.CharField(max_length=12, blank=True, default="")
    # Since when the browser's clearance (Cloudflare's cookie) is held.
    clearance_at = models.DateTimeField("clearance since", null=True, editable=False)
    sealed_proxy = SealedTextField(default="", editable=False)
    user_agent = models.CharField(max_length=300, blank=True, default="")
    is_enabled = models.BooleanField("enabled", default=True)
    notes = models.TextField(blank=True, default="")
    state = models.CharField(max_length=12, choices=AccountState, default=AccountState.UNCHECKED, editable=False)
    state_reason = models.CharField("reason", max_length=300, default="", editable=False)
    state_at = models.DateTimeField("since", null=True, editable=False)
    checked_at = models.DateTimeField("last check", null=True, editable=False)
    # What the last check ran into when that says nothing of the account: an outage, a page that cannot be read.
    last_error = models.CharField("last check failed with", max_length=300, default="", editable=False)
    # An operator asked for a check; the job that does it takes this away.
    check_wanted_at = models.DateTimeField(null=True, editable=False)
    # When an operator last asked for one; stays, so that whoever asked for several together finds them again.
    check_asked_at = models.DateTimeField(null=True, editable=False)
    # The check may also open a chat's conversation, which counts against the account.
    check_opens_chat = models.BooleanField(default=False, editable=False)
    # The image session: what Bing's page gave us last, renewed when Bing says so.
    session_ig = models.CharField(max_length=64, default="", editable=False)
    sealed_jar = SealedTextField(default="", editable=False)
    session_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row; a new account gets its capabilities with the usual limits in the same transaction."""
        with transaction.atomic():
            is_new = self._state.adding
            super().save(*args, **kwargs)
            if is_new:
                AccountCapability.objects.bulk_create(map(self._capability, CAPABILITIES[AccountKind(self.kind)]))

    def _capability(self, capability: Capability) -> AccountCapability:
        """What it may do of one kind, as usual."""
        per_minute, burst = DEFAULT_PACES.get(capability, (None, 1))
        return AccountCapability(
            account=self, capability=capability, limit=DEFAULT_LIMITS[capability], per_minute=per_minute, burst=burst
        )

    @property
    def token(self) -> str:
        """The access token, unsealed; "" when there is none."""
        return self._open("token", self.sealed_token)

    @property
    def cookies(self) -> dict[str, str]:
        """The operator's cookies by name, unsealed."""
        return dict(json.loads(self._open("cookies", self.sealed_cookies) or "{}"))

    @property
    def jar(self) -> dict[str, str]:
        """Cookies that Bing set since, by name, unsealed."""
        return dict(json.loads(self._open("cookies", self.sealed_jar) or "{}"))

    @property
    def proxy(self) -> str:
        """The address of the proxy, unsealed: a password may stand in it."""
        return self._open("proxy", self.sealed_proxy)

    @proxy.setter
    def proxy(self, address: str) -> None:
        self.sealed_proxy = seal(address) if address else ""

    @property
    def unopened(self) -> list[str]:
        """What somebody must give anew, "cookies", "token" or "proxy": no key opens it, and no program brings it."""
        sealed = {"cookies": (self.sealed_cookies, self.sealed_jar), "proxy": (self.sealed_proxy,)}
        if not self.token_command:
            sealed["token"] = (self.sealed_token,)
        return [what for what, texts in sealed.items() if not all(self._opens(what, text) for text in texts)]

    def _opens(self, what: str, sealed: str) -> bool:
        try:
            self._open(what, sealed)
        except UnopenedError:
            return False
        return True

    def _open(self, what: str, sealed: str) -> str:
        try:
            return unseal_often(sealed)
        except SettingError as error:
            raise UnopenedError(UNOPENED.format(what=what)) from error

    def rotate(
        self, cookies: dict[str, str], now: datetime, *, token: str = "", expires_at: datetime | None = None
    ) -> None:
        """Store new credentials sealed; what was known of the old ones is forgotten.

        Those not given are not written: a token command, or a new seal key, may have changed them since they were read.
        """
        written = [*ROTATED_FIELDS, *(COOKIE_FIELDS if cookies else ()), *(TOKEN_FIELDS if token else ())]
        if cookies:
            sign_in = cookies.get(COOKIE_NAME, "")
            self.sealed_cookies = seal(json.dumps(cookies))
            self.cookies_tail = sign_in[-4:] if len(sign_in) >= 16 else ""
            self.clearance_at = now if CLEARANCE_COOKIE in cookies else None
            self.session_ig, self.sealed_jar, self.session_at = "", "", None
        if token:
            self.sealed_token, self.token_expires_at = seal(token), expires_at
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
        """Record what Bing said of these cookies; a verdict about cookies since replaced is dropped.

        Returns whether the row still had those cookies, in one of the states that this verdict may replace.
        """
        changed = Account.objects.filter(pk=self.pk, cookies_at=self.cookies_at, state__in=replacing).update(
            state=state, state_reason=reason[:300], state_at=now, checked_at=now, last_error=""
        )
        if changed:
            self.state, self.state_reason, self.state_at, self.checked_at = state, reason[:300], now, now
            self.last_error = ""
        return bool(changed)

    def note_failed_check(self, text: str, now: datetime) -> None:
        """A check that says nothing of the account: remembered for the operator, its state stays."""
        self.last_error, self.checked_at = text[:300], now
        Account.objects.filter(pk=self.pk, cookies_at=self.cookies_at).update(
            last_error=self.last_error, checked_at=now
        )

    def save_session(self, ig: str, set_cookies: dict[str, str], now: datetime) -> None:
        """Keep the image session, with what Bing has set in addition, for every process that uses the account."""
        self.session_ig, self.sealed_jar, self.session_at = ig[:64], seal(json.dumps(self.jar | set_cookies)), now
        Account.objects.filter(pk=self.pk, cookies_at=self.cookies_at).update(
            session_ig=self.session_ig, sealed_jar=self.sealed_jar, session_at=now
        )

    def add_to_jar(self, set_cookies: dict[str, str]) -> None:
        """Keep what Bing has set outside an image session, which stays as whoever renewed it last has left it."""
        with transaction.atomic():
            row = Account.objects.select_for_update().filter(pk=self.pk, cookies_at=self.cookies_at)
            self.sealed_jar = row.values_list("sealed_jar", flat=True).first() or self.sealed_jar
            self.sealed_jar = seal(json.dumps(self.jar | set_cookies))
            row.update(sealed_jar=self.sealed_jar)


class AccountCapabilityQuerySet(models.QuerySet["AccountCapability"]):
    """Which accounts may be given work."""

    def of_enabled(self, capability: str) -> AccountCapabilityQuerySet:
        """Capabilities that an operator has switched on, whatever their state."""
        switched_on = self.filter(capability=capability, limit__gt=0, account__is_enabled=True)
        has_none = Q(account__sealed_cookies="", account__sealed_token="", account__token_command="")
        return switched_on.exclude(has_none)

    def usable(self, capability: str, now: datetime) -> AccountCapabilityQuerySet:
        """Those that may be given work now, least recently served first; room is the caller's to count."""
        return (
            self.of_enabled(capability)
            .filter(account__state__in=USABLE_STATES)
            .filter(Q(cooldown_until=None) | Q(cooldown_until__lte=now))
            .order_by(F("served_at").asc(nulls_first=True), "pk")
        )

    def clear_cooldowns(self) -> int:
        """Let them be given work again; how many were resting."""
        resting = self.exclude(cooldown_until=None, fast_cooldown_until=None)
        return resting.update(cooldown_until=None, cooldown_reason="", fast_cooldown_until=None, cooldown_count=0)


class AccountCapability(models.Model):
    """What one account may do of one kind: its limit, its cool-down, its last success."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="capabilities")
    capability = models.CharField(max_length=8, choices=Capability)
    limit = models.PositiveSmallIntegerField("allowed at once", default=3)
    cooldown_until = models.DateTimeField("rests until", null=True, blank=True)
    cooldown_reason = models.CharField("because", max_length=300, default="", blank=True)
    cooldown_count = models.PositiveSmallIntegerField(default=0, editable=False)
    # Boosts gone: only the fast lane rests.
    fast_cooldown_until = models.DateTimeField("no boosts until", null=True, blank=True)
    last_success_at = models.DateTimeField("last success", null=True, editable=False)
    served_at = models.DateTimeField(null=True, editable=False)
    # The pace: so many begun a minute, so many of them in a row; none given: as they come.
    per_minute = models.PositiveSmallIntegerField("a minute", null=True, blank=True)
    burst = models.PositiveSmallIntegerField("in a row", default=1)
    # From when on the next may begin: the one figure that the pace is kept by.
    paced_until = models.DateTimeField(null=True, editable=False)
    # What the last check of this capability found, in words for the operator.
    check_state = models.CharField("last check", max_length=8, choices=CheckState, default="", editable=False)
    check_note = models.CharField("found", max_length=300, default="", editable=False)
    checked_at = models.DateTimeField("checked", null=True, editable=False)

    objects = AccountCapabilityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "account capabilities"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "capability"], name="one_row_per_account_and_capability")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.capability}"

    def cool_down(self, until: datetime, reason: str) -> None:
        """Give no work of this kind before `until`; an earlier, longer rest stays."""
        AccountCapability.objects.filter(pk=self.pk).filter(
            Q(cooldown_until=None) | Q(cooldown_until__lt=until)
        ).update(cooldown_until=until, cooldown_reason=reason[:300], cooldown_count=F("cooldown_count") + 1)

    @classmethod
    def note_check(cls, account: Account, capability: str, state: CheckState, note: str, now: datetime) -> None:
        """What a check found; nothing when the account's cookies have been replaced meanwhile."""
        rows = cls.objects.filter(account=account, capability=capability, account__cookies_at=account.cookies_at)
        rows.update(check_state=state, check_note=note[:300], checked_at=now)

    def cool_down_fast_lane(self, until: datetime) -> None:
        """No boosts: spend none before `until`."""
        AccountCapability.objects.filter(pk=self.pk).update(fast_cooldown_until=until)


class Lease(models.Model):
    """One chat turn or single call that holds an account; dead 30 s after its last renewal, or at an end set for it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="leases")
    capability = models.CharField(max_length=8, choices=Capability)
    holder = models.CharField(max_length=120)
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.account_id} {self.capability} {self.holder}"
