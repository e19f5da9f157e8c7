"""The exception tree of the project: the class says who can act, the code says what is wrong.

It knows no HTTP; `bingproject.api.contracts` maps a code to a status and a body. The codes are a closed list:
docs/contracts.md, "Errors".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class ServiceError(Exception):
    """A failure that callers may see.

    Args:
        message: Shown to callers as it is, so it must have no secret and no URL; by default that of the code.
        code: One of the class's `codes`; by default the first.
        detail: For the log and the row only.
        retry_after: Seconds, None if unknown.
        param: The field at fault.

    Raises:
        ValueError: The class does not have the code, which is a bug.
    """

    codes: ClassVar[tuple[str, ...]] = ()
    default_message: ClassVar[str] = "The request failed."

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "",
        detail: str = "",
        retry_after: float | None = None,
        param: str | None = None,
    ) -> None:
        code = code or (self.codes[0] if self.codes else "")
        if code not in self.codes:
            raise ValueError(f"{type(self).__name__} does not own the code {code!r}")
        self.message = message or MESSAGES.get(code, self.default_message)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.param = param
        super().__init__(self.message)


class InternalError(ServiceError):
    """A bug of this server; the log has the request id and the stack."""

    codes = ("internal",)


class NoWorkerError(ServiceError):
    """No worker on any machine takes tasks."""

    codes = ("no_worker",)


class ServerBusyError(ServiceError):
    """This server is too busy to accept more."""

    codes = ("server_busy",)


class StoppingError(ServiceError):
    """This process was asked to stop; tasks go on when workers run again."""

    codes = ("stopping",)


class UnavailableError(ServiceError):
    """The database cannot be reached, or accepts no writes: locked, full, read-only."""

    codes = ("unavailable",)


class CallerError(ServiceError):
    """The caller can fix it."""


class InvalidRequestError(CallerError):
    """The request itself is wrong: a field, its type, its size or its format."""

    codes = (
        "invalid_value",
        "method_not_allowed",
        "request_timeout",
        "too_large",
        "unsupported_media_type",
        "unsupported_parameter",
        "idempotency_mismatch",
        "context_length_exceeded",
        "image_rejected",
        "image_not_supported",
    )


class InvalidApiKeyError(CallerError):
    """The key is missing, wrong or revoked."""

    codes = ("invalid_api_key",)


class NotWhitelistedError(CallerError):
    """The caller may not use this server, or not from this origin."""

    codes = ("not_whitelisted", "origin_not_allowed")


class NotFoundError(CallerError):
    """This caller has no such path, row or model."""

    codes = ("not_found", "model_not_found")


class ConflictError(CallerError):
    """The state of the row does not allow the action."""

    codes = ("conflict", "cancelled")


class PromptRejectedError(CallerError):
    """Bing refuses this prompt; another one may pass."""

    codes = ("blocked", "under_review", "unsafe_output", "unsupported_language", "too_vague")


class RateLimitError(CallerError):
    """A limit of this server, not of Bing."""

    codes = ("rate_limit_exceeded", "quota_exceeded")


class AccountError(ServiceError):
    """The operator can fix it; the account's row remembers it."""


class CookieExpiredError(AccountError):
    """The account's cookie or token is no longer signed in."""

    codes = ("cookie_expired",)


class DecryptionError(CookieExpiredError):
    """The account's stored credentials cannot be decrypted with any key in SEAL_KEYS."""


class ChallengeRequiredError(AccountError):
    """Bing wants a human to answer a challenge in a browser."""

    codes = ("challenge_required",)


class AccountBlockedError(AccountError):
    """Microsoft has blocked the account."""

    codes = ("account_blocked",)


class AccountThrottledError(AccountError):
    """Bing limits this account for a while."""

    codes = ("throttled", "too_many_running", "no_boosts")


class NoAccountError(AccountError):
    """No account can do the work: none exists, or none is usable."""

    codes = ("no_account", "cookie_not_set")


class UpstreamError(ServiceError):
    """Microsoft's side fails; try later."""


class UpstreamUnavailableError(UpstreamError):
    """Bing cannot be reached, or says it is overloaded."""

    codes = ("upstream_unreachable", "upstream_overloaded")


class UpstreamRefusedError(UpstreamError):
    """Bing refuses this network, region or client."""

    codes = ("upstream_refused",)


class UpstreamTimeoutError(UpstreamError):
    """There was no answer in time."""

    codes = ("timeout", "expired")


class UnexpectedResponseError(UpstreamError):
    """The answer could not be parsed, or broke off."""

    codes = ("upstream_protocol_error", "upstream_interrupted")


class SubmitOutcomeUnknownError(UpstreamError):
    """The request was sent, and whether Bing accepted it is unknown; it is never sent again."""

    codes = ("submit_outcome_unknown",)


MESSAGES: dict[str, str] = {
    "internal": "Something went wrong on this server. Try again; if that fails too, give the operator the request id.",
    "no_worker": "No worker is running, so nothing can be made. Start one (manage.py serve, or manage.py cluster).",
    "server_busy": "This server has too much to do just now. Try again after the time in Retry-After.",
    "request_timeout": "The rest of the request did not come in time. Send it once more, without pauses.",
    "stopping": "The server is stopping or restarting. Try again after the time in Retry-After.",
    "unavailable": (
        "The server's database does not answer. Try again after the time in Retry-After. "
        "If it stays so, tell the operator."
    ),
    "invalid_value": "The request is not valid.",
    "method_not_allowed": "This path does not take this method. See the Allow header.",
    "too_large": "The request body is too large.",
    "unsupported_media_type": "Send the body as application/json.",
    "unsupported_parameter": "This parameter is not supported here. Leave it out.",
    "idempotency_mismatch": "This Idempotency-Key was used with another body. Use a new key for a new request.",
    "context_length_exceeded": "The message is too long: this model's maximum context length is exceeded. Shorten it.",
    "image_rejected": "Bing rejected the image. Send another one.",
    "image_not_supported": "This model takes no images. Leave the image out.",
    "invalid_api_key": "The API key is missing or not valid. Send it as 'Authorization: Bearer <key>'.",
    "not_whitelisted": "You are not allowed to use this feature.",
    "origin_not_allowed": "This server only answers local requests. The operator can open it with ACCESS=keys.",
    "not_found": "Not found.",
    "model_not_found": "There is no such model here. GET /v1/models lists them.",
    "conflict": "The task has already finished.",
    "cancelled": "The task was cancelled before it was done.",
    "blocked": "Prompt rejected for content policy. Change the prompt.",
    "under_review": "Bing holds this prompt for review. Change the prompt, or ask again later.",
    "unsafe_output": "Bing made the picture but withheld it as unsafe. Change the prompt.",
    "unsupported_language": "Bing does not take prompts in this language. Write it in English.",
    "too_vague": "Bing asks for a more descriptive prompt. Say more about the picture.",
    "rate_limit_exceeded": "Too many tasks are waiting. Try again when some have finished.",
    "quota_exceeded": "Your daily quota is used up. Try again tomorrow.",
    "cookie_expired": "Authentication failed. _U cookie is invalid or expired. The operator must paste a new one.",
    "challenge_required": "Bing wants a human to pass a check. The operator must sign in with it in a browser.",
    "account_blocked": "Microsoft has blocked the account. The operator must look at it in a browser.",
    "throttled": "Bing asks to slow down. Try again after the time in Retry-After.",
    "too_many_running": "Bing has too many creations of this account running. Try again when they have ended.",
    "no_boosts": "No boosts are left for fast creation. Ask with speed 'standard' or 'auto', or wait for new boosts.",
    "no_account": "No account is usable now. The operator finds the reason in the admin under Accounts.",
    "cookie_not_set": "Cookie _U is not set. Add an account in the admin, or start with BING_COOKIE_U.",
    "upstream_unreachable": "Bing could not be reached. Try again later.",
    "upstream_overloaded": "Bing is overloaded. Try again later.",
    "upstream_refused": "Bing refuses requests from this server's network or region. The operator must look at it.",
    "timeout": "No result in time. The task goes on: ask for it again by its id.",
    "expired": "The task was given up: Bing did not finish within the time allowed. Start a new one.",
    "upstream_protocol_error": "Bing answered with something this server cannot read. Tell the operator.",
    "upstream_interrupted": "Bing stopped answering while it was working. Start a new task.",
    "submit_outcome_unknown": (
        "It is not known whether Bing took the request, so it was not sent again. Start a new task for another try."
    ),
}


def _walk(cls: type[ServiceError]) -> Iterator[type[ServiceError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _walk(child)


OWNER: dict[str, type[ServiceError]] = {
    code: cls for cls in _walk(ServiceError) for code in cls.__dict__.get("codes", ())
}


def by_code(code: str, message: str = "", retry_after: float | None = None, detail: str = "") -> ServiceError:
    """Bring a failure stored on a row back to life.

    Shape: `by_code("blocked", "…")` → `PromptRejectedError`.
    Raises: KeyError for a code that no class owns.
    """
    return OWNER[code](message, code=code, retry_after=retry_after, detail=detail)
