"""`manage.py probe` against the sandbox: each back end and each page once, and a transcript without secrets."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.microsoft.access_tokens import read_token
from accounts.microsoft.services.credentials import keep_token
from accounts.models import Account, AccountKind, AccountState, Lease
from bingproject.cluster.database_identity import verify_installation
from bingproject.conf.environment import SettingError
from bingproject.sandbox.providers import make_token
from bingproject.sandbox.server import SandboxServer
from bingproject.upstream.recording import Transcript
from tests.factories import make_account, make_undecryptable, set_capability

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def services(hub: SandboxServer, settings: Any, tmp_path: Path) -> SandboxServer:
    """The sandbox in place of all three services."""
    settings.DATA_DIR = tmp_path
    settings.COPILOT_URL = hub.url
    settings.M365_URL = hub.url.replace("http", "ws", 1) + "/m365Copilot/Chathub"
    return hub


def copilots(seconds: float = 3600) -> list[Account]:
    """An account of each of the two, whose tokens live so long."""
    made = []
    for kind in (AccountKind.COPILOT, AccountKind.M365):
        account = Account.objects.create(name=kind, kind=kind, tier="individual", user_agent="Mozilla/5.0")
        token = read_token(make_token(kind, kind, timezone.now().timestamp() + seconds))
        keep_token(account, token, timezone.now())
        made.append(account)
    return made


def probe(**options: Any) -> tuple[str, str]:
    """What it printed, and what the file holds."""
    printed = StringIO()
    call_command("probe", stdout=printed, **options)
    path = re.search(r"Saved without secrets: (\S+)\. Read", printed.getvalue())
    assert path is not None
    assert Path(path[1]).stat().st_mode & 0o777 == 0o600
    return printed.getvalue(), Path(path[1]).read_text()


def test_each_thing_that_each_account_can_do(services: SandboxServer) -> None:
    """One turn with each back end, pages for pictures and videos; records are in the file, secrets in neither."""
    bing = make_account("anna", cookies={"_U": "secret-cookie-of-anna", "other": "another-secret"})
    accounts = [bing, *copilots()]
    printed, saved = probe()
    assert printed.count("Works.") == 5
    for words in ("anna: Images", "anna: Videos", "anna: Chat", "copilot: Copilot chat", "m365: Microsoft 365 chat"):
        assert f"--- {words} ---" in printed
    assert '"event":"send"' in saved.replace(" ", "") and '"target":"Metrics"' in saved.replace(" ", "")
    assert "Answered: " in printed and '"event"' not in printed
    assert (
        printed.count("Nothing was made: with --spend ") == 1 and printed.count("The socket is open: status 101.") == 3
    )
    for account in accounts:
        for secret in filter(None, (account.token, account.object_id, *account.cookies.values())):
            assert secret not in saved + printed
    assert not Lease.objects.exists()


def test_one_account_and_one_capability(services: SandboxServer) -> None:
    """The others are left alone."""
    make_account("anna", cookie="secret-cookie-of-anna")
    copilots()
    printed, _ = probe(account="anna", capability="image")
    assert printed.count(" ---\n") == 1 and "anna: Images" in printed


def test_why_there_is_nothing_to_probe(services: SandboxServer, settings: Any) -> None:
    """One line says it; no file is made."""
    with pytest.raises(CommandError, match="No account can be probed so"):
        call_command("probe")
    copilots()
    make_account("anna", is_enabled=False)
    set_capability(make_account("bert"), "video", limit=0)
    for options, words in (
        ({"account": "nobody"}, "There is no account 'nobody'"),
        ({"account": "anna"}, "The account 'anna' is disabled"),
        (
            {"account": "copilot", "capability": "image"},
            "'copilot' is an account of Copilot: it has no 'image', only copilot",
        ),
        ({"account": "bert", "capability": "video"}, "switched off for 'bert'"),
        ({"minutes": 0}, "--minutes must be"),
    ):
        with pytest.raises(CommandError, match=words) as raised:
            call_command("probe", **options)
        assert "\n" not in str(raised.value)
    assert not list(Path(settings.DATA_DIR).glob("probe-*.txt"))


def test_with_spend_a_picture_and_a_video_are_made(services: SandboxServer) -> None:
    """One each, with their addresses; without it nothing is, and that is said."""
    anna = make_account("anna", cookies={"_U": "secret-cookie-of-anna", "other": "another-secret"})
    printed, saved = probe(account="anna", spend=True)
    assert printed.count("Works.") == 3 and "Nothing was made" not in printed
    before, _, _ = printed.partition("Bing accepted")
    assert printed.count("/th/id/OIG") == 5 and "&rt=3&" in saved and "&rt=3&" not in before
    submits = httpx.get(f"{services.url}/_sandbox/state").json()["submits"]
    assert (submits["total"], submits["accepted"]) == (2, 2)
    anna.refresh_from_db()
    state = services.state
    signatures = [conversation.signature for conversation in state.chats["chat"].conversations.values()]
    numbers = [account.ig for account in state.accounts.values()]
    assert signatures and numbers
    for secret in (*anna.cookies.values(), *anna.jar.values(), anna.session_ig, *signatures, *numbers):
        assert secret not in saved + printed
    printed, _ = probe(account="anna", capability="image")
    assert printed.count("Nothing was made: with --spend ") == 1
    assert httpx.get(f"{services.url}/_sandbox/state").json()["submits"]["total"] == 2


def test_a_chat_says_only_of_turns(services: SandboxServer) -> None:
    """Nothing is said of pictures where none could be made."""
    copilots()
    printed, _ = probe(capability="copilot")
    assert "Nothing was made" not in printed


def test_a_picture_whose_outcome_is_unknown_fails_the_command(services: SandboxServer, settings: Any) -> None:
    """It was sent once; what was seen is kept, and the video is tried all the same."""
    httpx.post(f"{services.url}/_sandbox/scenario", json={"scenario": "cut-accepted", "next": 1}).raise_for_status()
    make_account("anna", cookie="secret-cookie-of-anna")
    printed = StringIO()
    with pytest.raises(CommandError, match="1 of 3 failed"):
        call_command("probe", account="anna", spend=True, stdout=printed)
    assert "Failed: submit_outcome_unknown." in printed.getvalue() and printed.getvalue().count("Works.") == 2
    by_prompt = httpx.get(f"{services.url}/_sandbox/state").json()["submits"]["by_prompt"]
    assert sorted(by_prompt.values()) == [1, 1]
    (path,) = Path(settings.DATA_DIR).glob("probe-*.txt")
    assert "submit_outcome_unknown" in path.read_text()


async def stumble(account: Account, capability: str, transcript: Transcript) -> None:
    """A probe with a bug in it."""
    raise ValueError(f"about {account.token or account.cookies}")


async def interrupt(account: Account, capability: str, transcript: Transcript) -> None:
    """A probe during which somebody has seen enough."""
    raise KeyboardInterrupt


def test_a_bug_in_one_probe_takes_nothing_from_the_others(services: SandboxServer, settings: Any) -> None:
    """It is told with where it was, without what it held."""
    settings.PROBES = settings.PROBES | {"image": f"{__name__}.stumble"}
    make_account("anna", cookie="secret-cookie-of-anna")
    printed = StringIO()
    with pytest.raises(CommandError, match="1 of 3 failed"):
        call_command("probe", stdout=printed)
    assert "Failed by a bug of this server: ValueError." in printed.getvalue()
    (path,) = Path(settings.DATA_DIR).glob("probe-*.txt")
    saved = path.read_text()
    assert "in stumble" in saved and "Answered: " in saved and "secret-cookie-of-anna" not in saved


def test_what_was_seen_before_an_interrupt_is_kept(services: SandboxServer, settings: Any) -> None:
    """A video may take longer than anybody's patience."""
    settings.PROBES = settings.PROBES | {"video": f"{__name__}.interrupt"}
    make_account("anna", cookie="secret-cookie-of-anna")
    with pytest.raises(KeyboardInterrupt):
        call_command("probe", stdout=StringIO())
    (path,) = Path(settings.DATA_DIR).glob("probe-*.txt")
    assert "anna: Images" in path.read_text() and path.stat().st_mode & 0o777 == 0o600


def test_a_failure_says_what_was_seen(services: SandboxServer, settings: Any) -> None:
    """The step, the code, and the account's state after it; the file is there all the same."""
    (copilot, _) = copilots(-5)
    printed = StringIO()
    with pytest.raises(CommandError, match="1 of 1 failed"):
        call_command("probe", account="copilot", stdout=printed)
    assert "Failed: cookie_expired." in printed.getvalue()
    copilot.refresh_from_db()
    assert copilot.state == AccountState.EXPIRED
    assert list(Path(settings.DATA_DIR).glob("probe-*.txt"))


def test_a_database_of_the_sandbox_is_not_probed_at_bing(services: SandboxServer, settings: Any) -> None:
    """A process that does not belong to the database asks nobody and seals nothing."""
    make_account("anna")
    settings.SANDBOX = True
    verify_installation()
    settings.SANDBOX = False
    with pytest.raises(SettingError, match="belongs to the sandbox"):
        call_command("probe")
    assert not list(Path(settings.DATA_DIR).glob("probe-*.txt"))


def test_an_account_that_no_key_opens_stops_no_other(services: SandboxServer) -> None:
    """It failed, and says why; the next one is probed."""
    make_undecryptable(make_account("anna"), "encrypted_cookies")
    make_account("bert")
    printed = StringIO()
    with pytest.raises(CommandError, match="1 of 2 failed"):
        call_command("probe", capability="image", stdout=printed)
    assert "SEAL_KEYS" in printed.getvalue() and printed.getvalue().count("Works.") == 1
