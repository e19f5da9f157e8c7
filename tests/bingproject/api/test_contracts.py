"""The tables of errors: complete, and what the contract's page says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec import to_builtins

from bingproject import errors
from bingproject.api.contracts import BING_CREATE, CONTRACTS, OPENAI, PROMPT_CODES, SHARED, TWO_CALL, Contract
from bingproject.errors import ServiceError, by_code

TYPES = {
    "invalid_request_error": {400, 404, 405, 408, 409, 413, 415, 422},
    "auth_error": {401, 403},
    "prompt_rejected_error": {422},
    "rate_limit_error": {429},
    "api_error": {500, 502, 503, 504},
}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_every_code_has_an_answer_in_every_contract(contract: Contract) -> None:
    """Each code that a class owns has a status its type allows; each failure carries the whole envelope."""
    for code in errors.OWNER:
        answer = contract.error(by_code(code))
        body = to_builtins(answer.body)["error"]
        assert answer.status in TYPES[body["type"]], code
        assert set(body) >= {"message", "type", "param", "code"}
        assert body["message"]


def test_no_row_stands_for_a_code_nobody_owns() -> None:
    """The tables hold the closed list and nothing else."""
    assert set(SHARED) == set(errors.OWNER)
    assert all(set(contract.particular) <= set(errors.OWNER) for contract in CONTRACTS)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_says_when_to_come_back_on_every_429_and_503(contract: Contract) -> None:
    """Retry-After is whole seconds above 0, whatever is known."""
    for code in errors.OWNER:
        for known in (None, 0, 0.2, 59.1):
            answer = contract.error(by_code(code, retry_after=known))
            if answer.status in (429, 503):
                assert int(answer.headers["Retry-After"]) >= 1
            elif answer.status < 500:
                assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    ("code", "seconds"),
    [("throttled", 30), ("too_many_running", 30), ("upstream_overloaded", 30), ("no_worker", 30), ("no_boosts", 3600),
     ("challenge_required", 3600), ("account_blocked", 3600), ("no_account", 3600), ("upstream_refused", 3600)],
)  # fmt: skip
def test_estimates_when_nothing_is_known(code: str, seconds: int) -> None:
    """Each kind of failure has its usual time; what is known goes before it, rounded up."""
    assert BING_CREATE.error(by_code(code)).headers["Retry-After"] == str(seconds)
    assert BING_CREATE.error(by_code(code, retry_after=7.1)).headers["Retry-After"] == "8"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_tells_clients_not_to_repeat_what_cannot_help(contract: Contract) -> None:
    """`x-should-retry: false` on every 4xx but 429, on what costs or needs the operator, and on waits of an hour."""
    final = {
        "submit_outcome_unknown", "cancelled", "expired", "cookie_not_set", "cookie_expired", "challenge_required",
        "account_blocked", "upstream_refused", "no_boosts", "no_account", "quota_exceeded",
    }  # fmt: skip
    for code in errors.OWNER:
        answer = contract.error(by_code(code))
        is_final = (400 <= answer.status < 500 and answer.status != 429) or code in final
        assert answer.headers.get("x-should-retry") == ("false" if is_final else None), code


@pytest.mark.parametrize(("seconds", "is_final"), [(1, False), (60, False), (60.5, True), (3600, True), (86400, True)])
def test_a_wait_that_sdks_do_not_keep_is_no_reason_to_repeat(seconds: float, is_final: bool) -> None:
    """Above 60 s some ask again at once; the wait itself is told all the same."""
    for code in ("throttled", "quota_exceeded", "upstream_overloaded"):
        headers = OPENAI.error(by_code(code, retry_after=seconds)).headers
        assert headers.get("x-should-retry") == ("false" if is_final else None)
        assert int(headers["Retry-After"]) >= seconds


def test_no_wait_is_longer_than_a_day() -> None:
    """Whatever Bing says, and whatever a row kept of it."""
    assert OPENAI.error(by_code("throttled", retry_after=251_606_235_599)).headers["Retry-After"] == "86400"


def test_an_accounts_fault_blames_the_caller_nowhere_but_where_the_original_does() -> None:
    """401 on Bing-Create routes, 503 on the others; a missing account has its own code there."""
    for code in ("cookie_expired", "cookie_not_set"):
        assert BING_CREATE.error(by_code(code)).status == 401
        assert BING_CREATE.error(by_code(code)).body.error.type == "auth_error"
        assert OPENAI.error(by_code(code)).status == TWO_CALL.error(by_code(code)).status == 503
    assert OPENAI.error(by_code("cookie_not_set")).body.error.code == "no_account"
    assert OPENAI.error(by_code("cookie_expired")).body.error.code == "cookie_expired"


@pytest.mark.parametrize("code", PROMPT_CODES)
def test_a_refused_prompt_is_what_each_contracts_clients_expect(code: str) -> None:
    """422 with our code; for OpenAI's clients 400 with theirs, ours in `reason`."""
    for contract in (BING_CREATE, TWO_CALL):
        answer = contract.error(by_code(code))
        assert (answer.status, answer.body.error.type) == (422, "prompt_rejected_error")
        assert answer.body.error.code == code
    answer = OPENAI.error(by_code(code))
    assert (answer.status, answer.body.error.type) == (400, "invalid_request_error")
    assert (answer.body.error.code, answer.body.error.reason) == ("content_policy_violation", code)


def test_adds_keys_and_names_the_field() -> None:
    """A task's id stands in the error object, next to the field at fault."""
    error = errors.UpstreamTimeoutError("Not yet.", code="timeout", param="query")
    answer = BING_CREATE.error(error, task_id="t-1")
    assert answer.status == 504
    assert to_builtins(answer.body) == {
        "error": {"message": "Not yet.", "type": "api_error", "param": "query", "code": "timeout", "taskId": "t-1"}
    }


def test_shows_no_detail() -> None:
    """What is for the log stays out of the answer."""
    error = errors.UnexpectedResponseError(detail="<html>https://www.bing.com/secret</html>")
    assert "secret" not in str(BING_CREATE.error(error))


def test_wraps_a_success_where_the_contract_does() -> None:
    """Bing-Create answers in an envelope with the time; the others answer the payload itself."""
    now = datetime(2026, 11, 23, 6, 0, 0, 123999, tzinfo=UTC)
    assert to_builtins(BING_CREATE.success({"a": 1}, now=now)) == {
        "success": True,
        "data": {"a": 1},
        "timestamp": "2026-11-23T06:00:00.123Z",
    }
    assert OPENAI.success({"a": 1}) == TWO_CALL.success({"a": 1}) == {"a": 1}


def test_refuses_a_code_that_is_not_on_the_list() -> None:
    """A code nobody owns is a bug, found where it is raised."""
    with pytest.raises(ValueError, match="does not own"):
        errors.InvalidRequestError(code="blocked")
    with pytest.raises(KeyError):
        BING_CREATE.row("made_up")
    assert issubclass(errors.InternalError, ServiceError)
