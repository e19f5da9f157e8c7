"""Marked secrets go through every flow of a real server, good and bad; afterwards they are looked for everywhere.

Answers, log, log files, admin pages, exports, alerts, the support bundle and the database's files are searched for each
secret as it is, in base64 and percent-encoded. Only the page that issues a key shows it, and only the page that sets a
second factor up its own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.accounts.microsoft.pastes import AGENT, curl
from tests.journeys.leaks import FORMATS, Leaks, Trace, Watched, marks, serving_watched

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="}}


@pytest.fixture(params=FORMATS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched]:
    """`manage.py serve` with marked secrets, every line of its log kept, as text or as JSON."""
    with serving_watched(tmp_path, request.param) as watched:
        yield watched


def operate(server: Watched) -> str:
    """What an operator does with accounts, users and keys, right and wrong; the key that was issued."""
    server.log_in(wrong=server.secret("typed wrong"))
    good, rotated = server.secret("cookie"), server.secret("rotated cookie")
    server.add_account("garbage", "garbage; " + server.secret("garbage pasted"))
    server.add_account(
        "jar", f'[{{"name": "OTHER", "value": "{server.secret("strange cookie")}", "domain": ".e.org"}}]'
    )
    server.add_account("anna", f"MUID=1; _U={good}; KievRPSSecAuth={server.secret('second cookie')}")
    server.change_account("anna", new_cookies=f"_U={rotated}", proxy="")
    server.change_account("anna", new_cookies="nothing " + server.secret("bad rotation"))
    server.add_account("bert", f"_U=expired{server.secret('dead cookie')}")
    proxy = f"http://name:{server.secret('proxy password')}@127.0.0.1:9"
    server.add_account("carl", f"_U={server.secret('cookie behind a proxy')}", proxy=proxy)
    server.change_account("carl", proxy=f"nonsense://name:{server.secret('bad proxy password')}@")
    give_tokens(server)
    server.act("accounts/account", "check_now")
    server.wait_for_account("anna", "ok")
    server.wait_for_account("bert", "expired")
    server.wait_for_account("cora", "ok")
    server.wait_for_account("curt", "expired")
    server.add_user("alice")
    return server.issue_key()


def give_tokens(server: Watched) -> None:
    """Accounts of the two Copilots, right and wrong: by a copied request, by a token alone, by programs."""
    cookies = f"cf_clearance={server.secret('clearance')}; MUID=1"
    server.add_account("cora", curl(server.token("Copilot's token", "copilot", "cora"), cookies), kind="copilot")
    server.change_account("cora", new_cookies=server.token("another service's token", "m365", "cora"))
    server.add_account(
        "curt", server.token("refused token", "copilot", "expired-curt"), kind="copilot", user_agent=AGENT
    )
    licence = {"kind": "m365", "tier": "individual"}
    server.add_account("dora", server.token("token to renew", "m365", "expired-dora"), **licence, token_command="good")
    server.add_account("dave", "", **licence, token_command="bad")


def ask(server: Watched, key: str) -> None:
    """What a program does with the key: pictures, videos, chats, each once well and once not."""
    fates = (("a red fox", {200}), ("a fox sandbox:block", {400, 422}), ("a fox sandbox:drift", {502}))
    for query, statuses in fates:
        for path in ("/create/image", "/create/video"):
            assert server.api("POST", path, key, json={"query": query}).status_code in statuses
        wish = {"prompt": query, "response_format": "b64_json"}
        assert server.api("POST", "/v1/images/generations", key, json=wish).status_code in statuses
    for page in ("/tasks?limit=100", "/tasks?limit=none", "/health", "/options", "/v1/models", "/", "/api/schema/"):
        server.api("GET", page, key)
    for words, status in (("Why are there tides?", 200), ("Why? sandbox:no-result", 502)):
        for stream in (False, True):
            body = {"model": "balanced", "stream": stream, "messages": [{"role": "user", "content": words}]}
            assert server.api("POST", "/v1/chat/completions", key, json=body).status_code == status
    pictured = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, PICTURE]}]
    server.api("POST", "/v1/chat/completions", key, json={"model": "balanced", "messages": pictured})
    server.api("POST", "/v1/create", key, json={"model": "balanced"})
    opened = server.api("POST", "/create_conversation", key, json={"userId": "alice"}).json()
    asked = {**opened, "prompt": "Why are there tides?"}
    assert server.api("POST", "/chatgpt", key, json=asked).status_code == 200
    assert server.learn_bings_tokens() > 1
    server.api("POST", "/create_conversation", key, json={"userId": "nobody"})
    # Last, since the account is marked by it.
    captcha = [{"role": "user", "content": "Why? sandbox:captcha"}]
    server.api("POST", "/v1/chat/completions", key, json={"model": "balanced", "messages": captcha})
    stranger = f"bp_{server.secret('wrong key')}"
    server.api("GET", "/tasks", stranger)
    server.api("POST", "/create/image", stranger, content=b"{")


def ask_the_others(server: Watched, key: str) -> None:
    """The two Copilots: whole, streamed, with a picture, refused; over a token to be renewed, and by a probe."""
    pictured = [{"type": "text", "text": "What is this?"}, PICTURE]
    asked = (("Why are there tides?", 200), (pictured, 200), ("Why? sandbox:unknown-result", 502))
    for model, questions in (("m365", asked), ("copilot", (*asked[:1], ("Why? sandbox:challenge", 503)))):
        for content, status in questions:
            for stream in (False, True):
                body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": content}]}
                answer = server.api("POST", "/v1/chat/completions", key, json=body)
                assert answer.status_code == status, answer.text
    server.wait_for_account("dave", "expired")
    server.wait_for_account("cora", "challenged")
    for name in ("cora", "dora"):
        server.run("probe", "--account", name)


def named(bundle: list[Trace]) -> list[str]:
    """Where the bundle has the name of an account or a caller of this journey, or words of a prompt."""
    names = re.compile(rb"\b(?:anna|bert|carl|cora|curt|dora|dave|alice|red fox|two tides|there tides)\b")
    return [f"{found[0]!r} in {where}" for where, content in bundle for found in names.finditer(content)]


@pytest.mark.slow
def test_no_secret_is_found_anywhere(server: Watched) -> None:
    """Every flow, every page, the log, the alerts and the files: nothing but what is meant to be shown once."""
    key = operate(server)
    ask(server, key)
    ask_the_others(server, key)
    recovery = server.set_up_second_factor()
    server.tell_alerts()
    server.open_every_page()
    server.act("accounts/apikey", "revoke")
    assert server.api("GET", "/tasks", key).status_code == 401
    bundle = server.bundle()
    server.stop()
    leaks = Leaks([*server.secrets.items(), ("key", key), *((f"code {code}", code) for code in recovery)])
    assert leaks.within(server.answers, allowed=server.allowed) == []
    assert leaks.within([("log", server.log)]) == []
    assert leaks.within(server.told) == []
    assert leaks.within(server.files()) == []
    assert leaks.within(server.log_files()) == []
    assert leaks.within(bundle) == []
    assert named(bundle) == []
    assert server.shown_once("key", key) and server.shown_once("second factor", server.secrets["second factor"])
    # The search is no use if the flows were not: each kind of trace is there.
    assert len(server.answers) > 100 and len(server.told) >= 2
    assert re.search(r"gAAAA", server.files()[0][1].decode("latin-1"))
    assert b"API key is missing or not valid" in server.log
    assert b"The token command printed no usable token" in server.log
    # The file has what stderr has, and the bundle the file's lines of the failed accounts.
    kept, packed = (b"".join(content for _, content in traces) for traces in (server.log_files(), bundle))
    for line in (b"API key is missing or not valid", b"The token command printed no usable token"):
        assert line in kept and line in packed
    probes = [content for where, content in server.answers if where == "manage.py probe"]
    assert len(probes) == 2 and all(b"Answered: " in content for content in probes)


@pytest.mark.parametrize("place", [b"x%sx", b"%%22%s", b'"name": "%s"'])
def test_the_search_finds(place: bytes) -> None:
    """What it looks for, in each of its forms."""
    mark = secrets.token_hex(12)
    for form in marks(mark):
        assert Leaks([("a secret", mark)]).within([("somewhere", place % form)]) == ["a secret in somewhere"]
    assert Leaks([("a secret", mark)]).within([("somewhere", b"nothing")]) == []
