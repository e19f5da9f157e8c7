"""DRF glue: viewsets that speak a contract, and the one place that turns exceptions into answers.

Never a domain rule. A viewset's actions take DRF's request, whose `user` is a `Caller` and whose `data` is a plain dict
read strictly, and return `self.success(…)`, `self.failure(…)` or any response; what they raise becomes an error answer.
An action of an `AsyncContractViewSet` may instead return a value for `respond`. Views keep no state between the two.
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
# Never asked: what is sent is always JSON (or a stream the view makes), whatever `Accept` says.
_NEGOTIATOR = DefaultContentNegotiation()
_WITH_BODY = ("POST", "PUT", "PATCH")


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A finished JSON answer: nothing is left to negotiate or render."""
    content = msgspec.json.encode(body)
    return HttpResponse(
        content,
        status=status,
        headers={"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})},
    )


def error_response(error: ServiceError, contract: Contract = BING_CREATE, *, task_id: str = "") -> HttpResponse:
    """Return the failure in the contract's form."""
    answer = contract.error(error, task_id=task_id)
    return json_response(answer.body, answer.status, answer.headers)


class ContractRequest(Request):
    """DRF's request with the body read strictly, once, by our own reader."""

    takes_forms = False

    @cached_property
    def data(self) -> dict[str, Any]:
        """The body's object; empty when there is no body.

        Raises: InvalidRequestError.
        """
        meta = self._request.META
        return parse_body(
            self._request.body,
            meta.get("CONTENT_TYPE", ""),
            meta.get("HTTP_CONTENT_ENCODING", ""),
            takes_forms=self.takes_forms,
        )

    def release_body(self) -> None:
        """Forget the body, which `data` has been read from: it may be megabytes, and an answer may take minutes."""
        self.__dict__.pop("data", None)
        drop_body(self._request)

    @cached_property
    def preferences(self) -> Preferences:
        """What `Prefer` asks for; whoever reads it makes the answer vary by it."""
        return parse_prefer(self._request.META.get("HTTP_PREFER", ""))


class ContractViewSet(ViewSet):
    """A synchronous viewset that answers by a contract; leaner than DRF's own way, which negotiates and renders."""

    contract: ClassVar[Contract] = BING_CREATE
    # Action → what a caller's key must be good for: any of these scopes. Actions that only read need none.
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # What a policy wants every answer to carry, whatever comes of the request.
    answer_headers: Mapping[str, str] = {}
    renderer_classes = (JSONRenderer,)
    parser_classes: tuple[type[BaseParser], ...] = (JSONParser, FormParser)
    metadata_class = None
    request: ContractRequest

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """The schema shows forms where the contract takes them."""
        super().__init_subclass__(**kwargs)
        if "parser_classes" not in cls.__dict__:
            cls.parser_classes = (JSONParser, FormParser) if cls.contract.takes_forms else (JSONParser,)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer the request; an exception becomes an error answer."""
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
        """The request as DRF's policies know it, without parsers and negotiation."""
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
        """Who asks, not too often, may they, and is the body readable: in this order, all in one thread."""
        _drop_stale_connections()
        self.perform_authentication(request)
        self.check_throttles(request)
        self.check_permissions(request)
        if request.method in _WITH_BODY and self.action:
            _ = request.data

    def find_action(self, request: Request) -> Any:
        """The action that serves the method.

        Raises: InvalidRequestError `method_not_allowed`.
        """
        if not self.action:
            raise InvalidRequestError(code="method_not_allowed")
        return getattr(self, self.action)

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> Any:
        """Nobody known asks: 401; somebody known who may not: 403."""
        caller: Any = request.user
        raise InvalidApiKeyError if caller is None else NotWhitelistedError(message or "")

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        """Every exception is an answer, a bug too."""
        return exception_handler(exc, {"view": self, "request": self.request})

    def finalize_response(  # type: ignore[override]
        self, request: ContractRequest, response: HttpResponseBase | Response, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """A DRF response is encoded here; headers that policies and the request's preferences ask for are added."""
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
        """Return the error in the contract's form, with the id of its task if it has one. Log it like a raised one."""
        log_failure(error)
        return mark_logged(error_response(error, self.contract, task_id=task_id))


class AsyncContractViewSet(ContractViewSet, Generic[P]):
    """A viewset that can wait without holding a thread.

    An action is synchronous: it runs right after the policies, in the same thread hop, and does what needs the
    database. It returns either the response, or a `P`: all that `respond` needs to know, as a frozen dataclass.
    """

    @classonlymethod
    def as_view(cls, actions: Any = None, **initkwargs: Any) -> Any:  # noqa: N805
        """The view, marked as a coroutine so that Django awaits it."""
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
    """As Django's signals do, of which the gate sends none on API paths; never amid a transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def prefer(request: Request) -> Preferences:
    """The caller's preferences; `apply_…()` on them puts `Preference-Applied` on the answer."""
    assert isinstance(request, ContractRequest)
    return request.preferences


def release_body(request: Request) -> None:
    """Forget the body: `data` must not be read again."""
    assert isinstance(request, ContractRequest)
    request.release_body()


def idempotency_key(request: Request) -> str | None:
    """The `Idempotency-Key` header, None when there is none.

    Raises: InvalidRequestError when it is malformed.
    """
    return check_idempotency_key(request._request.META.get("HTTP_IDEMPOTENCY_KEY"))


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Any exception as an answer of the view's contract; DRF's and Django's own become ours first."""
    view = context.get("view")
    error = translate(exc)
    log_failure(error, exc)
    response = mark_logged(error_response(error, getattr(view, "contract", BING_CREATE)))
    if response.status_code == 405 and view is not None:
        response.headers["Allow"] = ", ".join(view.allowed_methods)
    return response


def error_body(exc: Exception, contract: Contract) -> ErrorBody:
    """The body of a failure that comes when the status is out already; logged like every other."""
    error = translate(exc)
    log_failure(error, exc)
    return contract.error(error).body


def log_failure(error: ServiceError, exc: Exception | None = None) -> None:
    """Log a bug with its stack, a failure of ours or Bing's as a warning, a caller's mistake at DEBUG.

    Without an exception it is one that a task's row remembers, or that has been logged where it was found.
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
    """DRF's and Django's exceptions as ours; what nobody foresaw is an InternalError."""
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
    """The first fault a serializer found; its message names the field, since some clients show nothing else."""
    if isinstance(detail, Mapping) and detail:
        name, inner = next(iter(detail.items()))
        return _invalid(inner, param or (None if name == "non_field_errors" else str(name)))
    if isinstance(detail, list | tuple) and detail:
        return _invalid(next((item for item in detail if item), ""), param)
    message = str(detail or "")
    if param and message and param not in message:
        message = f"{param}: {message}"
    return InvalidRequestError(message, param=param)
