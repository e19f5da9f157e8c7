"""Settings as processes read them: defaults, what stops a start with one line, what is made once and kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOW = """
import json, sys
from bingproject import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def read(tmp_path: Path, *names: str, **variables: str) -> dict[str, object]:
    """The settings of a fresh process with these variables only."""
    done = _run(tmp_path, [sys.executable, "-c", SHOW, *names], variables)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def refusal(tmp_path: Path, **variables: str) -> str:
    """The line with which `manage.py check` refuses these variables."""
    done = _run(tmp_path, [sys.executable, "manage.py", "check"], variables)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def _run(tmp_path: Path, command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    plain = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATA_DIR": str(tmp_path / "data")}
    return subprocess.run(command, cwd=ROOT, env=plain | variables, capture_output=True, text=True, check=False)


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    """Nothing set: loopback, open, SQLite, the real Bing."""
    found = read(
        tmp_path, "HOST", "PORT", "ACCESS", "SANDBOX", "BING_URL", "IMAGE_WAIT_SECONDS", "MAX_QUEUED", "IS_SQLITE"
    )
    assert found == {
        "HOST": "127.0.0.1",
        "PORT": 7860,
        "ACCESS": "open",
        "SANDBOX": False,
        "BING_URL": "https://www.bing.com",
        "IMAGE_WAIT_SECONDS": 300,
        "MAX_QUEUED": 10000,
        "IS_SQLITE": True,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PORT": "seven"}, ["PORT", "whole number", "PORT=7860"]),
        ({"PORT": "70000"}, ["PORT", "from 1 to 65534"]),
        ({"ACCESS": "everyone"}, ["ACCESS", "open, keys"]),
        ({"HOST": "0.0.0.0", "ACCESS": "open"}, ["ACCESS=open", "0.0.0.0", "ACCESS=keys"]),
        ({"BING_URL": "bing"}, ["BING_URL", "https://"]),
        ({"SANDBOX": "yes"}, ["SANDBOX", "1 or 0"]),
        ({"IMAGE_WAIT_SECONDS": "-1"}, ["IMAGE_WAIT_SECONDS", "seconds"]),
        ({"CORS_ALLOWED_ORIGINS": "app.example.org"}, ["CORS_ALLOWED_ORIGINS", "https://"]),
        ({"DATABASE_URL": "mysql://x"}, ["DATABASE_URL", "postgres://"]),
        ({"DATABASE_URL": "postgres://u@db/x"}, ["SECRET_KEY", "PostgreSQL or Redis"]),
        ({"REDIS_URL": "redis://r"}, ["SECRET_KEY", "PostgreSQL or Redis"]),
        ({"SEAL_KEYS": "short"}, ["SEAL_KEYS", "Fernet"]),
        ({"SECRET_KEY_FILE": "/nowhere"}, ["SECRET_KEY_FILE", "readable"]),
        ({"LOG_FORMAT": "xml"}, ["LOG_FORMAT", "console, json"]),
        ({"TRUSTED_PROXIES": "10.0.0.0/8,proxy"}, ["TRUSTED_PROXIES", "networks", "10.0.0.0/8"]),
        ({"ALLOW_PRIVATE_ADDRESSES": "lan"}, ["ALLOW_PRIVATE_ADDRESSES", "networks"]),
        ({"EMAIL_URL": "smtp://n:mark@", "ALERT_EMAIL": "a@b.c"}, ["EMAIL_URL", "smtp://", "starttls"]),
        ({"EMAIL_URL": "smtp://mail.example.org"}, ["EMAIL_URL", "ALERT_EMAIL="]),
        ({"ALERT_EMAIL": "anna@example.org"}, ["ALERT_EMAIL", "EMAIL_URL="]),
        ({"ALERT_EMAIL": "anna"}, ["ALERT_EMAIL", "mail addresses", "operator@example.org"]),
        ({"ALERT_WEBHOOK_URL": "https://h.example"}, ["ALERT_WEBHOOK_SECRET="]),
        ({"ALERT_WEBHOOK_SECRET": "mark"}, ["ALERT_WEBHOOK_URL"]),
        ({"ALERT_QUEUE_MINUTES": "0"}, ["ALERT_QUEUE_MINUTES", "from 1"]),
        ({"PUBLIC_URL": "https://nas.example/bing"}, ["PUBLIC_URL", "without a path"]),
        ({"PUBLIC_URL": "https://a.example,https://b.example"}, ["PUBLIC_URL", "one address"]),
        ({"PUBLIC_URL": "https://u:mark@nas.example"}, ["PUBLIC_URL", "user"]),
        ({"ALLOWED_HOSTS": "https://nas.example"}, ["ALLOWED_HOSTS", "scheme"]),
        ({"ALLOWED_HOSTS": "nas.example:8443"}, ["ALLOWED_HOSTS", "port"]),
        ({"ALLOWED_HOSTS": '"nas.example"'}, ["ALLOWED_HOSTS", "quotes"]),
        ({"ALLOWED_HOSTS": '["nas.example"]'}, ["ALLOWED_HOSTS", "quotes"]),
        ({"ALLOWED_HOSTS": "a b"}, ["ALLOWED_HOSTS"]),
        ({"ALLOWED_HOSTS": "*.nas.example"}, ["ALLOWED_HOSTS", ".example.org for all below a domain"]),
        ({"CORS_ALLOWED_ORIGINS": "https://bücher.example"}, ["CORS_ALLOWED_ORIGINS", "xn--"]),
        ({"CORS_ALLOWED_ORIGINS": "https://app.example?x=1"}, ["CORS_ALLOWED_ORIGINS", "without a path"]),
        ({"CORS_ALLOWED_ORIGINS": "*"}, ["CORS_ALLOWED_ORIGINS", "app://obsidian.md"]),
        ({"HOST": '"127.0.0.1"'}, ["HOST", "without quotes"]),
        ({"HOST": "127.0.0.1:8000"}, ["HOST", "port"]),
        ({"BING_URL": "https://www.bing.com/?x=1"}, ["BING_URL", "https://"]),
        ({"BING_MEDIA_URL": "https://th.bing.com; x"}, ["BING_MEDIA_URL", "https://"]),
        ({"SYDNEY_URL": "wss://a,b/x"}, ["SYDNEY_URL", "wss://"]),
        ({"TASK_RETENTION_DAYS": "99999999"}, ["TASK_RETENTION_DAYS", "36500"]),
        ({"CHAT_RETENTION_DAYS": "99999999"}, ["CHAT_RETENTION_DAYS", "36500"]),
        ({"MACHINE_ID": "m" * 81}, ["MACHINE_ID", "at most 80"]),
        ({"SEAL_KEYS": ","}, ["SEAL_KEYS", "at least one"]),
        ({"DATABASE_URL": "sqlite://:memory:"}, ["DATABASE_URL", "name a file"]),
        ({"DATABASE_URL": "postgres://u@db"}, ["DATABASE_URL", "name a database"]),
        ({"DATABASE_URL": "postgres://u@db/x?colour=mark"}, ["DATABASE_URL", "does not know"]),
        ({"REDIS_URL": "redis://cache:port/0"}, ["REDIS_URL", "redis://"]),
        ({"REDIS_URL": "redis://cache/0?colour=mark"}, ["REDIS_URL", "redis://"]),
        ({"REDIS_URL": "http://cache"}, ["REDIS_URL", "redis://"]),
    ],
)
def test_a_wrong_value_stops_the_start_with_one_line(
    tmp_path: Path, variables: dict[str, str], words: list[str]
) -> None:
    """The line names the variable, its form and an example; there is no stack."""
    line = refusal(tmp_path, **variables)
    assert all(word in line for word in words), line
    assert "mark" not in line


def test_secrets_are_made_once_and_kept_to_their_owner(tmp_path: Path) -> None:
    """The second process reads what the first one made; nobody else may read it."""
    first = read(tmp_path, "SECRET_KEY", "SEAL_KEYS")
    assert read(tmp_path, "SECRET_KEY", "SEAL_KEYS") == first
    for name in ("secret_key", "seal_keys"):
        assert (tmp_path / "data" / name).stat().st_mode & 0o777 == 0o600


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    """`…_FILE` names it; blanks around it do not count."""
    (tmp_path / "key").write_text("  from a file\n")
    assert read(tmp_path, "SECRET_KEY", SECRET_KEY_FILE=str(tmp_path / "key")) == {"SECRET_KEY": "from a file"}


def test_the_sandbox_takes_the_place_of_bing(tmp_path: Path) -> None:
    """SANDBOX=1 points every upstream address at the built-in server, whatever else is set."""
    found = read(tmp_path, "BING_URL", "BING_MEDIA_URL", SANDBOX="1", PORT="9000", BING_URL="https://www.bing.com")
    assert set(found.values()) == {"http://127.0.0.1:9001"}


def test_a_public_address_makes_cookies_secure(tmp_path: Path) -> None:
    """PUBLIC_URL adds its host, trusts it for forms, and turns on secure cookies and HSTS."""
    names = ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SESSION_COOKIE_SECURE", "SECURE_HSTS_SECONDS")
    found = read(tmp_path, *names, PUBLIC_URL="https://bing.example.org/", ACCESS="keys")
    assert "bing.example.org" in str(found["ALLOWED_HOSTS"])
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://bing.example.org"]
    assert found["SESSION_COOKIE_SECURE"] is True
    assert found["SECURE_HSTS_SECONDS"]


def test_loopback_names_are_always_answered_to(tmp_path: Path) -> None:
    """Those that are set come besides them: a container asks itself for its health at 127.0.0.1."""
    found = read(tmp_path, "ALLOWED_HOSTS", ALLOWED_HOSTS="bing.example.org, other.example.org")
    assert found["ALLOWED_HOSTS"] == ["127.0.0.1", "localhost", "[::1]", "bing.example.org", "other.example.org"]


def test_a_mail_server(tmp_path: Path) -> None:
    """Its address becomes Django's mail settings; the sender is the one named, else the log-in, else who is told."""
    names = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_USE_SSL")
    found = read(tmp_path, *names, EMAIL_URL="smtp://a%40b.c:p%2Fw@m.example/?tls=starttls", ALERT_EMAIL="o@b.c")
    assert list(found.values()) == ["m.example", 25, "a@b.c", "p/w", True, False]
    for address, sender in (
        ("smtps://m.example/?from=s@b.c", "s@b.c"), ("smtps://a%40b.c:x@m.example", "a@b.c"), ("smtp://m.e", "o@b.c"),
    ):  # fmt: skip
        assert read(tmp_path, "DEFAULT_FROM_EMAIL", EMAIL_URL=address, ALERT_EMAIL="o@b.c,p@b.c") == {
            "DEFAULT_FROM_EMAIL": sender
        }


def test_the_webhook_is_asked_where_it_is(tmp_path: Path) -> None:
    """Its address stays as it was given: a receiver may want the slash at its end."""
    hook = {"ALERT_WEBHOOK_URL": "https://h.example/hook/"}
    assert read(tmp_path, *hook, **hook, ALERT_WEBHOOK_SECRET="x" * 32) == hook


def test_another_address_than_loopback_needs_keys(tmp_path: Path) -> None:
    """HOST alone switches to `keys`."""
    assert read(tmp_path, "ACCESS", HOST="0.0.0.0") == {"ACCESS": "keys"}


def test_each_machine_has_its_own_queue(tmp_path: Path) -> None:
    """MACHINE_ID is in the queue's name; the queue is Redis where there is one."""
    found = read(
        tmp_path, "Q_CLUSTER", MACHINE_ID="m1", SECRET_KEY="x", SEAL_KEYS=_seal_key(), REDIS_URL="redis://r:6379/0"
    )
    queue = dict(found["Q_CLUSTER"])  # type: ignore[call-overload]
    assert queue["cluster_name"] == "bingproject-m1"
    assert queue["redis"] == "redis://r:6379/0"
    assert "orm" not in queue


def _seal_key() -> str:
    return "A" * 43 + "="


def test_addresses_are_taken_in_the_form_that_is_sent(tmp_path: Path) -> None:
    """What differs only in its writing works: capitals, a scheme's own port, brackets, a dot at the end."""
    names = (
        "PUBLIC_URL",
        "SESSION_COOKIE_SECURE",
        "CSRF_TRUSTED_ORIGINS",
        "ALLOWED_HOSTS",
        "CORS_ALLOWED_ORIGINS",
        "HOST",
    )
    found = read(
        tmp_path, *names, PUBLIC_URL="Https://Nas.example:443/", ALLOWED_HOSTS="NAS.lan., ::1,.example.org",
        CORS_ALLOWED_ORIGINS="https://App.example:443,app://obsidian.md,null", HOST="[::1]",
    )  # fmt: skip
    assert found == {
        "PUBLIC_URL": "https://nas.example",
        "SESSION_COOKIE_SECURE": True,
        "CSRF_TRUSTED_ORIGINS": ["https://nas.example"],
        "ALLOWED_HOSTS": ["127.0.0.1", "localhost", "[::1]", "nas.lan", "[::1]", ".example.org", "nas.example"],
        "CORS_ALLOWED_ORIGINS": ["https://app.example", "app://obsidian.md", "null"],
        "HOST": "::1",
    }


def test_an_ipv6_site_is_answered_to(tmp_path: Path) -> None:
    """Its address stands in Host with brackets."""
    found = read(tmp_path, "ALLOWED_HOSTS", PUBLIC_URL="https://[2001:db8::7]")
    assert "[2001:db8::7]" in str(found["ALLOWED_HOSTS"])
