"""A fresh token when one is needed: from the row, from another process, or from the account's token command."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.microsoft.access_tokens import read_token
from accounts.microsoft.services import fresh_token, renew_tokens
from accounts.microsoft.services.credentials import keep_token
from accounts.models import Account, AccountKind, AccountState
from bingproject.errors import CookieExpiredError, DecryptionError
from tests.accounts.microsoft.jwts import make_jwt
from tests.factories import make_undecryptable

pytestmark = pytest.mark.django_db(transaction=True)


def jwt(seconds: float = 3600, **claims: Any) -> str:
    """A token of Copilot's that lives so long."""
    return make_jwt(exp=int(timezone.now().timestamp() + seconds), **claims)


def make(token: str = "", command: str = "", **columns: Any) -> Account:
    """A consumer account with this token."""
    account = Account.objects.create(name="copilot", kind=AccountKind.COPILOT, token_command=command, **columns)
    if token:
        keep_token(account, read_token(token), timezone.now())
    return account


class Program:
    """A token command that prints a file, and writes down that it ran."""

    CODE = "import sys, time; open(sys.argv[2], 'a').write('x'); time.sleep(0.5); print(open(sys.argv[1]).read())"

    def __init__(self, folder: Path) -> None:
        self._printed, self._runs = folder / "printed", folder / "runs"
        self._runs.touch()
        self.argv = (sys.executable, "-c", self.CODE, str(self._printed), str(self._runs))

    def prints(self, text: str) -> str:
        """From now on."""
        self._printed.write_text(text)
        return text

    @property
    def runs(self) -> int:
        """How often it ran."""
        return len(self._runs.read_text())


@pytest.fixture
def program(settings: Settings, tmp_path: Path) -> Program:
    """The token command called "mine"."""
    made = Program(tmp_path)
    settings.TOKEN_COMMANDS = {"mine": made.argv}
    return made


async def test_a_token_that_lives_is_given_as_it_is(program: Program) -> None:
    """No program is run for it."""
    token = jwt()
    account = await asyncio.to_thread(make, token, "mine")
    assert await fresh_token(account) == token
    assert program.runs == 0


async def test_without_a_program_it_lives_to_its_end_and_then_there_is_none() -> None:
    """About to end it is still good; ended or refused it is not, in words for the operator."""
    account = await asyncio.to_thread(make, jwt(60))
    assert await fresh_token(account) == account.token
    with pytest.raises(CookieExpiredError, match="no longer takes"):
        await fresh_token(account, replacing=account.token)
    await Account.objects.filter(pk=account.pk).aupdate(token_expires_at=timezone.now())
    await account.arefresh_from_db()
    with pytest.raises(CookieExpiredError, match="has expired"):
        await fresh_token(account)
    with pytest.raises(CookieExpiredError, match="has no access token"):
        await fresh_token(Account(pk=(await Account.objects.acreate(name="none")).pk))


async def test_what_another_process_has_stored_is_taken_over() -> None:
    """The row at hand may be old: the one in the database counts."""
    account = await asyncio.to_thread(make, jwt(-1))
    other, token = await Account.objects.aget(pk=account.pk), jwt()
    await asyncio.to_thread(keep_token, other, read_token(token), timezone.now())
    assert await fresh_token(account) == token
    assert account.cookies_at == other.cookies_at


@pytest.mark.parametrize(("seconds", "is_refused"), [(-1, False), (120, False), (3600, True)])
async def test_the_program_renews_what_has_ended_is_about_to_end_or_was_refused(
    program: Program, seconds: float, is_refused: bool
) -> None:
    """What it prints is on the row, with its end, before it is used."""
    account = await asyncio.to_thread(make, jwt(seconds), "mine")
    token = program.prints(jwt(7200))
    assert await fresh_token(account, replacing=account.token if is_refused else "") == token
    row = await Account.objects.aget(pk=account.pk)
    assert row.token == token and row.token not in row.encrypted_token
    assert row.token_expires_at is not None and row.token_expires_at > timezone.now() + timedelta(seconds=7000)
    assert row.token_asked_at is None


async def test_of_many_who_need_one_at_once_one_runs_the_program(program: Program) -> None:
    """The others wait for what it brings."""
    account = await asyncio.to_thread(make, "", "mine")
    token = program.prints(jwt())
    rows = [await Account.objects.aget(pk=account.pk) for _ in range(6)]
    assert set(await asyncio.gather(*map(fresh_token, rows))) == {token}
    assert program.runs == 1


async def test_all_who_wait_learn_that_it_failed(program: Program) -> None:
    """They do not run it one after the other."""
    account = await asyncio.to_thread(make, "", "mine")
    program.prints("no token here")
    rows = [await Account.objects.aget(pk=account.pk) for _ in range(4)]
    answers = await asyncio.gather(*map(fresh_token, rows), return_exceptions=True)
    assert all(isinstance(answer, CookieExpiredError) for answer in answers)
    assert program.runs == 1


async def test_a_caller_who_leaves_does_not_speak_for_those_who_wait(program: Program) -> None:
    """The program is ended with its caller, which says nothing of it: another one runs it."""
    account = await asyncio.to_thread(make, "", "mine")
    token = program.prints(jwt())
    leaving = asyncio.create_task(fresh_token(await Account.objects.aget(pk=account.pk)))
    while not program.runs:  # noqa: ASYNC110 - what is waited for is another process's
        await asyncio.sleep(0.02)
    waiting = asyncio.create_task(fresh_token(await Account.objects.aget(pk=account.pk)))
    await asyncio.sleep(0.1)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await waiting == token
    assert program.runs == 2
    assert (await Account.objects.aget(pk=account.pk)).token_asked_at is None


async def test_a_process_that_died_while_it_ran_the_program_holds_nobody_up(program: Program) -> None:
    """Its claim is over after a while."""
    account = await asyncio.to_thread(make, "", "mine", token_asked_at=datetime(2026, 1, 1, tzinfo=UTC))
    token = program.prints(jwt())
    assert await fresh_token(account) == token


async def test_a_program_that_fails_leaves_what_still_lives(program: Program) -> None:
    """Up to its end the token is good, and there is time to mend the program."""
    account = await asyncio.to_thread(make, jwt(60), "mine")
    program.prints("")
    assert await fresh_token(account) == account.token


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (jwt(-5), "has expired"),
        (make_jwt(aud="https://graph.microsoft.com"), "for Microsoft Graph"),
    ],
)
async def test_tokens_that_cannot_be_used_are_refused_in_words(
    program: Program, printed: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Ended, or another service's: said without the token, also in the log."""
    account = await asyncio.to_thread(make, "", "mine")
    program.prints(printed)
    with pytest.raises(CookieExpiredError, match=words) as caught:
        await fresh_token(account)
    assert printed not in str(caught.value) + caplog.text
    assert "account copilot" in caplog.text


async def test_a_program_that_is_no_longer_named_is_not_run(program: Program) -> None:
    """The environment alone says which there are."""
    account = await asyncio.to_thread(make, "", "gone")
    with pytest.raises(CookieExpiredError, match="no longer names"):
        await fresh_token(account)


async def test_a_microsoft_365_token_says_where_its_account_is(program: Program) -> None:
    """Object and tenant come from the token when it can be read."""
    account = await asyncio.to_thread(make)
    account.kind, account.token_command = AccountKind.M365, "mine"
    await account.asave()
    claims = {"aud": "https://substrate.office.com/sydney", "oid": "o-1", "tid": "t-1"}
    program.prints(make_jwt(**claims))
    await fresh_token(account)
    row = await Account.objects.aget(pk=account.pk)
    assert (row.object_id, row.tenant_id) == ("o-1", "t-1")


async def test_an_encrypted_token_does_not_say_where_its_account_is(program: Program) -> None:
    """Then the operator must have typed it; without it nothing could be sent."""
    account = await Account.objects.acreate(name="m365", kind=AccountKind.M365, token_command="mine")
    token = program.prints("eyJlbmMiOiJBMjU2R0NNIn0.aaaaaaaaaaaa.bbbbbbbbbbbb.cccccccccccc.dddddddddddd")
    with pytest.raises(CookieExpiredError, match="names no object id and tenant id"):
        await fresh_token(account)
    account.object_id, account.tenant_id = "o-1", "t-1"
    # Not the whole row: it would write the claim of the first run back, which others wait for.
    await account.asave(update_fields=["object_id", "tenant_id"])
    assert await fresh_token(account) == token


def expire(account: Account) -> None:
    """As when a service has refused its token, some time ago."""
    account.mark(AccountState.EXPIRED, "refused", timezone.now() - timedelta(hours=1))


async def test_tokens_are_renewed_before_they_end(program: Program) -> None:
    """A worker sees to those that end soon; the others are left alone."""
    await asyncio.to_thread(make, jwt(600), "mine")
    token = program.prints(jwt(7200))
    assert await renew_tokens() == {"renewed": 1}
    assert (await Account.objects.aget()).token == token
    assert await renew_tokens() == {}
    assert program.runs == 1


async def test_a_new_token_gives_an_expired_account_another_chance(program: Program) -> None:
    """A service refused the old one, whatever that says of its end."""
    account = await asyncio.to_thread(make, jwt(), "mine")
    await asyncio.to_thread(expire, account)
    token = program.prints(jwt(7200))
    assert await renew_tokens() == {"renewed": 1}
    found = await Account.objects.aget()
    assert (found.state, found.token) == (AccountState.UNCHECKED, token)


async def test_a_program_that_fails_is_words_on_the_row(program: Program) -> None:
    """And is not run again at once."""
    account = await asyncio.to_thread(make, jwt(-5), "mine")
    program.prints("nothing of use")
    assert await renew_tokens() == {"failed": 1}
    await account.arefresh_from_db()
    assert account.state == AccountState.EXPIRED
    assert "printed no usable token" in account.state_reason and "nothing of use" not in account.state_reason
    assert await renew_tokens() == {}


async def test_a_program_that_fails_in_time_leaves_the_account_in_use(program: Program) -> None:
    """Its token is still good; the row remembers what went wrong."""
    account = await asyncio.to_thread(make, jwt(600), "mine")
    program.prints("")
    assert await renew_tokens() == {"failed": 1}
    await account.arefresh_from_db()
    assert account.state == AccountState.UNCHECKED
    assert "printed no usable token" in account.last_error


async def test_an_ended_token_without_a_program_is_an_expired_account() -> None:
    """So that an operator sees it; what is disabled or of Bing is not looked at."""
    account = await asyncio.to_thread(make, jwt(-5))
    await Account.objects.acreate(name="bing")
    assert await renew_tokens() == {"ended": 1}
    await account.arefresh_from_db()
    assert account.state == AccountState.EXPIRED and "has expired" in account.state_reason
    assert await renew_tokens() == {}


async def test_a_token_that_no_key_opens_is_renewed_by_the_program(program: Program) -> None:
    """It counts as none; without a program it is said what happened to it."""
    account = await asyncio.to_thread(make, jwt(), "mine")
    await asyncio.to_thread(make_undecryptable, account, "encrypted_token")
    token = program.prints(jwt(7200))
    assert await fresh_token(account) == token
    alone = await Account.objects.acreate(name="alone", kind=AccountKind.COPILOT)
    await asyncio.to_thread(make_undecryptable, alone, "encrypted_token")
    with pytest.raises(DecryptionError, match="token cannot be decrypted"):
        await fresh_token(alone)


async def test_tokens_are_renewed_whatever_of_another_account_no_key_opens(program: Program) -> None:
    """One whose token is lost gets another; one whose proxy is lost is set aside, since no token would mend it."""
    lost = await asyncio.to_thread(make, jwt(), "mine", state=AccountState.EXPIRED)
    await asyncio.to_thread(make_undecryptable, lost, "encrypted_token")
    stuck = await Account.objects.acreate(name="stuck", kind=AccountKind.COPILOT, token_command="mine")
    await asyncio.to_thread(make_undecryptable, stuck, "encrypted_proxy")
    token = program.prints(jwt(7200))
    assert await renew_tokens() == {"renewed": 1, "failed": 1}
    await lost.arefresh_from_db()
    await stuck.arefresh_from_db()
    assert (lost.token, lost.state, stuck.state) == (token, AccountState.UNCHECKED, AccountState.EXPIRED)
    assert "proxy cannot be decrypted" in stuck.state_reason
    assert program.runs == 1
