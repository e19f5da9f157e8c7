"""DRF viewsets that answer by a contract, and the only place that turns exceptions into answers.

No domain rules belong here. A viewset's action takes DRF's request, whose `user` is a `Caller` and whose `data` is a
dict from the strict body reader. It returns `self.success(…)`, `self.failure(…)` or any response; an exception becomes
an error answer. An action of an `AsyncContractViewSet` may instead return a value for `respond`; the view itself keeps
no state between the two.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from asgiref.sync import markcoroutinefunction, sync_to_async
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import connections
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import classonlymethod
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, FormParser, JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from bingproject.api.contracts import BING_CREATE, Contract, ErrorBody
from bingproject.api.request_body import parse_body
from bingproject.api.request_headers import Preferences, check_idempotency_key, parse_prefer
from bingproject.database.outages import is_outage, outages
from bingproject.edge._compat_django import drop_body, mark_logged
from bingproject.errors import (
    CallerError,
    InternalError,
    InvalidApiKeyError,
    InvalidRequestError,
    NotFoundError,
    NotWhitelistedError,
    RateLimitError,
    ServiceError,
    StoppingError,
    UnavailableError,
)

logger = logging.getLogger(__name__)
P = TypeVar("P")
# Never used: an answer is always JSON or a stream of the view's, whatever `Accept` says.
_NEGOTIATOR = DefaultContentNegotiation()
_WITH_BODY = ("POST", "PUT", "PATCH")


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return a complete JSON response, which DRF neither negotiates nor renders."""
    content = msgspec.json.encode(body)
    return HttpResponse(
        content,
        status=status,
        headers={"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})},
    )


def error_response(error: ServiceError, contract: Contract = BING_CREATE, *, task_id: str = "") -> HttpResponse:
    """Return the error as a response in the contract's form."""
    answer = contract.error(error, task_id=task_id)
    return json_response(answer.body, answer.status, answer.headers)


class ContractRequest(Request):
    """DRF's request, whose body is read once, by the strict reader."""

    takes_forms = False

    @cached_property
    def data(self) -> dict[str, Any]:
        """The body's object; empty without a body.

        Raises:
            InvalidRequestError: The body is malformed.
        """
        meta = self._request.META
        return parse_body(
            self._request.body,
            meta.get("CONTENT_TYPE", ""),
            meta.get("HTTP_CONTENT_ENCODING", ""),
            takes_forms=self.takes_forms,
        )

    def release_body(self) -> None:
        """Drop the body after `data` was read: it may have megabytes, and an answer may take minutes."""
        self.__dict__.pop("data", None)
        drop_body(self._request)

    @cached_property
    def preferences(self) -> Preferences:
        """The preferences of `Prefer`; reading them adds `Vary: Prefer` to the answer."""
        return parse_prefer(self._request.META.get("HTTP_PREFER", ""))


class ContractViewSet(ViewSet):
    """A synchronous viewset that answers by a contract, without DRF's negotiation and rendering."""

    contract: ClassVar[Contract] = BING_CREATE
    # Action → scopes, one of which the caller's key must have. Actions that only read need none.
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # Headers that a policy adds to every answer, errors included.
    answer_headers: Mapping[str, str] = {}
    renderer_classes = (JSONRenderer,)
    parser_classes: tuple[type[BaseParser], ...] = (JSONParser, FormParser)
    metadata_class = None
    request: ContractRequest

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Declare forms in the schema where the contract accepts them."""
        super().__init_subclass__(**kwargs)
        if "parser_classes" not in cls.__dict__:
            cls.parser_classes = (JSONParser, FormParser) if cls.contract.takes_forms else (JSONParser,)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer the request; turn an exception into an error answer."""
        contract_request = self.initialize_request(request, *args, **kwargs)
        try:
            response = self.prepare(contract_request, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
        return self.finalize_response(contract_request, response)

    def prepare(self, request: ContractRequest, *args: Any, **kwargs: Any) -> Any:
        """Apply the policies, then call the action and return its result."""
        self.initial(request, *args, **kwargs)
        return self.find_action(request)(request, *args, **kwargs)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> ContractRequest:
        """Return DRF's request, as its policies need it, without parsers and negotiation."""
        contract_request = ContractRequest(request, authenticators=self.get_authenticators(), negotiator=_NEGOTIATOR)
        # DRF puts the request into it, for parsers not used here. The cycle would keep the request and what the
        # view has read from it, pictures among it, until the garbage collector's next full run.
        contract_request.parser_context = {}
        contract_request.takes_forms = FormParser in self.parser_classes
        self.request = contract_request
        self.args, self.kwargs = args, kwargs
        self.action = self.action_map.get((request.method or "").lower(), "")
        return contract_request

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, throttle, check permissions and read the body, in this order and in one thread."""
        _drop_stale_connections()
        self.perform_authentication(request)
        self.check_throttles(request)
        self.check_permissions(request)
        if request.method in _WITH_BODY and self.action:
            _ = request.data

    def find_action(self, request: Request) -> Any:
        """Return the action that serves the method.

        Raises:
            InvalidRequestError: `method_not_allowed`.
        """
        if not self.action:
            raise InvalidRequestError(code="method_not_allowed")
        return getattr(self, self.action)

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> Any:
        """Raise 401 for an unknown caller, 403 for a known one."""
        caller: Any = request.user
        raise InvalidApiKeyError if caller is None else NotWhitelistedError(message or "")

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        """Return an answer for every exception, bugs included."""
        return exception_handler(exc, {"view": self, "request": self.request})

    def finalize_response(  # type: ignore[override]
        self, request: ContractRequest, response: HttpResponseBase | Response, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Encode a DRF response, and add the headers of policies and of the request's preferences."""
        if isinstance(response, Response):
            sent = {name: value for name, value in response.items() if name.lower() != "content-type"}
            response = json_response(response.data, response.status_code, sent)
        for name, value in self.answer_headers.items():
            response.headers[name] = value
        preferences = request.__dict__.get("preferences")
        if preferences is not None:
            patch_vary_headers(response, ["Prefer"])
            if preferences.header:
                response.headers["Preference-Applied"] = preferences.header
        # DRF binds each action to the view under its method's name. Without this cycle the view, and pictures it has
        # read, are freed with the answer and not at the garbage collector's next full run.
        for method in self.action_map:
            self.__dict__.pop(method, None)
        return response

    def success(self, payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """Return the payload, a Struct, in the contract's form."""
        return json_response(self.contract.success(payload), status, headers)

    def failure(self, error: ServiceError, *, task_id: str = "") -> HttpResponse:
        """Return the error in the contract's form, with its task's id if it has one; log it like a raised one."""
        log_failure(error)
        return mark_logged(error_response(error, self.contract, task_id=task_id))


class AsyncContractViewSet(ContractViewSet, Generic[P]):
    """A viewset that can wait without holding a thread.

    An action is synchronous: it runs right after the policies, in the same thread hop, and does what needs the
    database. It returns either the response, or a `P`: all that `respond` needs to know, as a frozen dataclass.
    """

    @classonlymethod
    def as_view(cls, actions: Any = None, **initkwargs: Any) -> Any:  # noqa: N805
        """Return the view, marked as a coroutine function so that Django awaits it."""
        view = super().as_view(actions, **initkwargs)
        markcoroutinefunction(view)
        return view

    async def dispatch(  # type: ignore[override] # Django awaits what is marked as a coroutine
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Answer the request; a caller who leaves cancels `respond`, while the action runs to its end."""
        contract_request = self.initialize_request(request, *args, **kwargs)
        try:
            prepared = await sync_to_async(self.prepare)(contract_request, *args, **kwargs)
            is_done = isinstance(prepared, HttpResponseBase)
            response = prepared if is_done else await self.respond(contract_request, prepared)
        except Exception as error:
            response = self.handle_exception(error)
        return self.finalize_response(contract_request, response)

    @abstractmethod
    async def respond(self, request: Request, prepared: P) -> HttpResponseBase:
        """Build the response from what the action prepared. Runs on the event loop, so it must not block."""


def _drop_stale_connections() -> None:
    """Close unusable database connections, but not in a transaction; API paths send none of Django's signals."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def prefer(request: Request) -> Preferences:
    """Return the caller's preferences; their `apply_…()` methods add `Preference-Applied` to the answer."""
    assert isinstance(request, ContractRequest)
    return request.preferences


def release_body(request: Request) -> None:
    """Drop the body; `data` must not be read afterwards."""
    assert isinstance(request, ContractRequest)
    request.release_body()


def idempotency_key(request: Request) -> str | None:
    """Return the `Idempotency-Key` header; None without one.

    Raises:
        InvalidRequestError: It is malformed.
    """
    return check_idempotency_key(request._request.META.get("HTTP_IDEMPOTENCY_KEY"))


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Return any exception as an answer of the view's contract; those of DRF and Django are translated first."""
    view = context.get("view")
    error = translate(exc)
    log_failure(error, exc)
    response = mark_logged(error_response(error, getattr(view, "contract", BING_CREATE)))
    if response.status_code == 405 and view is not None:
        response.headers["Allow"] = ", ".join(view.allowed_methods)
    return response


def error_body(exc: Exception, contract: Contract) -> ErrorBody:
    """Return the body of an error that occurs after the status was sent; log it like every other."""
    error = translate(exc)
    log_failure(error, exc)
    return contract.error(error).body


def log_failure(error: ServiceError, exc: Exception | None = None) -> None:
    """Log a bug with its stack, a failure of this server or of Microsoft as a warning, a caller's mistake at DEBUG.

    An error without an exception comes from a task's row, or was logged where it occurred.
    """
    if isinstance(error, UnavailableError):
        if exc is not None:
            outages.note(exc)
    elif isinstance(error, InternalError) and exc is not None:
        logger.error("Internal error: %s", type(exc).__name__, exc_info=exc)
    elif isinstance(error, CallerError | StoppingError):
        logger.debug("%s: %s", error.code, error.detail or error.message)
    else:
        logger.warning("%s: %s", error.code, error.detail or error.message)


def translate(exc: Exception) -> ServiceError:
    """Return the ServiceError for an exception of DRF or Django; InternalError for any that is not known."""
    if isinstance(exc, ServiceError):
        return exc
    if isinstance(exc, exceptions.ValidationError):
        return _invalid(exc.detail)
    if isinstance(exc, exceptions.Throttled):
        return RateLimitError(retry_after=getattr(exc, "wait", None))
    if isinstance(exc, RequestDataTooBig):
        return InvalidRequestError(code="too_large")
    for foreign, ours, code in _TRANSLATIONS:
        if isinstance(exc, foreign):
            return ours(code=code)
    return UnavailableError() if is_outage(exc) else InternalError()


_TRANSLATIONS: tuple[tuple[type[Exception], type[ServiceError], str], ...] = (
    (Http404, NotFoundError, "not_found"),
    (exceptions.NotFound, NotFoundError, "not_found"),
    (exceptions.MethodNotAllowed, InvalidRequestError, "method_not_allowed"),
    (exceptions.UnsupportedMediaType, InvalidRequestError, "unsupported_media_type"),
    (exceptions.NotAuthenticated, InvalidApiKeyError, "invalid_api_key"),
    (exceptions.AuthenticationFailed, InvalidApiKeyError, "invalid_api_key"),
    (exceptions.PermissionDenied, NotWhitelistedError, "not_whitelisted"),
    (PermissionDenied, NotWhitelistedError, "not_whitelisted"),
    (exceptions.ParseError, InvalidRequestError, "invalid_value"),
    (exceptions.NotAcceptable, InvalidRequestError, "invalid_value"),
    (SuspiciousOperation, InvalidRequestError, "invalid_value"),
)


def _invalid(detail: Any, param: str | None = None) -> InvalidRequestError:
    """Return a serializer's first fault; its message names the field, since some clients show only the message."""
    if isinstance(detail, Mapping) and detail:
        name, inner = next(iter(detail.items()))
        return _invalid(inner, param or (None if name == "non_field_errors" else str(name)))
    if isinstance(detail, list | tuple) and detail:
        return _invalid(next((item for item in detail if item), ""), param)
    message = str(detail or "")
    if param and message and param not in message:
        message = f"{param}: {message}"
    return InvalidRequestError(message, param=param)
