"""Scenarios and accounts turned into replies."""

from __future__ import annotations

from bingproject.sandbox.core import answers
from bingproject.sandbox.core.exchange import Fault
from bingproject.sandbox.core.state import SandboxAccount
from bingproject.sandbox.providers import CATALOGUE


def account(**changes: object) -> SandboxAccount:
    """A live account."""
    made = SandboxAccount("alice", 12, 10)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_home_tells_who_is_signed_in() -> None:
    """The marker, the coins spent and our cookie for a live account; a sign-in link for any other."""
    page = answers.home(account())
    assert b'id="id_a" style="display:none"' in page.body
    assert b'data-tb="3"' in page.body
    assert answers.session_cookie(account()) in page.start["headers"]
    for other in (None, account(is_alive=False)):
        assert b"/fd/auth/signin" in answers.home(other).body
        assert b"set-cookie" not in dict(answers.home(other).start["headers"])


def test_every_refusal_carries_the_hidden_overload_heading() -> None:
    """The trap of row e is on each framed page: its heading must not be read."""
    page = answers.notice(account(), "review").body.decode()
    assert page.index('role="heading"') < page.index('id="gil_err_d"')
    assert account().ig in page


def test_an_apostrophe_is_written_as_asked() -> None:
    """The notice has the spelling of its scenario; the frame around it stays."""
    page = answers.answer(CATALOGUE["busy-entity"], account()).body.decode()
    assert "You can&#39;t submit" in page
    assert "You can't submit" not in page


def test_faults_and_statuses_are_kept() -> None:
    """A cut within a body has a body; a status has its headers; JSON is called JSON."""
    cut = answers.answer(CATALOGUE["poll-cut-body"], account())
    assert (cut.fault, len(cut.body) > 0) == (Fault.CUT_BODY, True)
    limited = answers.answer(CATALOGUE["poll-http-429-retry-after"], None)
    assert (limited.status, dict(limited.start["headers"])[b"retry-after"]) == (429, b"7")
    error = answers.answer(CATALOGUE["error-message"], account())
    assert dict(error.start["headers"])[b"content-type"].startswith(b"application/json")


def test_every_scenario_has_an_answer() -> None:
    """No scenario fails for a signed-in or an unknown visitor, and truncated pages are shorter."""
    for scenario in CATALOGUE.values():
        if scenario.page not in ("result.html", "pictures.html"):
            assert answers.answer(scenario, account()).status == scenario.status
            assert answers.answer(scenario, None).status == scenario.status
    whole, half = (answers.answer(CATALOGUE[name], account()).body for name in ("home", "truncated"))
    assert len(half) < len(whole)
