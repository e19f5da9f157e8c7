"""Typed readers of environment variables: what is read, and the one line a wrong value gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from bingproject.conf.environment import (
    DescribedSetting,
    Environment,
    MailServer,
    SettingError,
    check_seal_keys,
    new_seal_key,
)


def read(**variables: str) -> Environment:
    """An environment of just these variables."""
    return Environment(variables)


def test_reads_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without variables given, those of the process are read."""
    monkeypatch.setenv("SOME_NAME", " value ")
    assert Environment().text("SOME_NAME") == "value"


def test_defaults_when_unset_or_blank() -> None:
    """Unset and blank are the same, for every reader."""
    env = read(BLANK="  ")
    assert env.text("BLANK", "x") == "x"
    assert env.whole("BLANK", 5) == 5
    assert env.seconds("UNSET", 1.5) == 1.5
    assert env.flag("UNSET", True) is True
    assert env.words("BLANK", ("a",)) == ["a"]
    assert env.choice("BLANK", ("a", "b"), "b") == "b"
    assert env.url("BLANK", "https://a.example/") == "https://a.example"
    assert env.url("UNSET") == ""
    assert env.origins("UNSET") == []


def test_reads_values() -> None:
    """Each reader gives its type."""
    env = read(N="7", S="0.25", F="1", W="a, b,,c ", C="keys", U="http://h:1/p/", O="https://a.example,http://b:1")
    assert env.whole("N", 0) == 7
    assert env.seconds("S", 1) == 0.25
    assert env.flag("F") is True
    assert env.words("W") == ["a", "b", "c"]
    assert env.choice("C", ("open", "keys"), "open") == "keys"
    assert env.url("U") == "http://h:1/p"
    assert env.url("U", is_whole=True) == "http://h:1/p/"
    assert env.origins("O") == ["https://a.example", "http://b:1"]


def test_reads_programs() -> None:
    """Each with its arguments, split as a shell would; a name without one is none."""
    env = read(P=" work=/bin/token --as 'a b' k=v ; other.2=/bin/other;")
    assert env.commands("P") == {"work": ("/bin/token", "--as", "a b", "k=v"), "other.2": ("/bin/other",)}
    assert env.commands("UNSET") == {}


def test_reads_tables_and_names() -> None:
    """Lists by key, each value once, in their order; names of letters, digits and underscores."""
    env = read(T=" a = x, y,x ; *=y;", N="Gpt_5, Magic")
    assert env.table("T", ("a", "*"), ("x", "y"), "a=x") == {"a": ("x", "y"), "*": ("y",)}
    assert env.table("UNSET", ("a",), ("x",), "a=x") == {}
    assert env.names("N", "Magic") == ["Gpt_5", "Magic"]


def test_reads_time_zones() -> None:
    """By name; UTC needs no tables of the system."""
    env = read(ZONE="Europe/Berlin")
    assert env.time_zone("UNSET", "UTC") is UTC
    assert env.time_zone("ZONE", "UTC").utcoffset(datetime(2026, 12, 1)) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "ask"),
    [
        ("Mars/Olympus", lambda env: env.time_zone("NAME", "UTC")),
        ("../etc/passwd", lambda env: env.time_zone("NAME", "UTC")),
        ("x", lambda env: env.whole("NAME", 1)),
        ("1.0", lambda env: env.whole("NAME", 1)),
        ("0", lambda env: env.whole("NAME", 1, least=1)),
        ("9", lambda env: env.whole("NAME", 1, most=8)),
        ("x", lambda env: env.seconds("NAME", 1)),
        ("0", lambda env: env.seconds("NAME", 1)),
        ("nan", lambda env: env.seconds("NAME", 1)),
        ("inf", lambda env: env.seconds("NAME", 1)),
        ("yes", lambda env: env.flag("NAME")),
        ("c", lambda env: env.choice("NAME", ("a", "b"), "a")),
        ("example.org", lambda env: env.url("NAME")),
        ("ftp://example.org", lambda env: env.url("NAME")),
        ("https://", lambda env: env.url("NAME")),
        ("https://h:99999", lambda env: env.url("NAME")),
        ("https://[", lambda env: env.url("NAME")),
        ("https://a.example/path", lambda env: env.origins("NAME")),
        ("a.example", lambda env: env.origins("NAME")),
        ("/bin/token", lambda env: env.commands("NAME")),
        ("work=token", lambda env: env.commands("NAME")),
        ("work=", lambda env: env.commands("NAME")),
        ("work=/bin/token 'open", lambda env: env.commands("NAME")),
        ("work=/bin/a;work=/bin/b", lambda env: env.commands("NAME")),
        ("two words=/bin/a", lambda env: env.commands("NAME")),
        ("Gpt-5", lambda env: env.names("NAME", "Gpt_5")),
        *(
            (text, lambda env: env.table("NAME", ("a", "*"), ("x", "y"), "a=x"))
            for text in ("b=x", "a=z", "a", "a=x;a=y")
        ),
    ],
)
def test_wrong_values_are_one_line(value: str, ask: Callable[[Environment], Any]) -> None:
    """The line names the variable and shows an example; it does not need a stack to be understood."""
    with pytest.raises(SettingError) as caught:
        ask(read(NAME=value))
    text = str(caught.value)
    assert text.startswith("NAME must ")
    assert "e.g. NAME=" in text
    assert "\n" not in text


def test_secret_from_a_file(tmp_path: Path) -> None:
    """`NAME_FILE` names the file that holds the value, and goes before the variable itself."""
    path = tmp_path / "secret"
    path.write_text("hidden\n")
    assert read(NAME="plain").secret("NAME") == "plain"
    assert read(NAME="plain", NAME_FILE=str(path)).secret("NAME") == "hidden"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_secret_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    """No file, or no text: one line that names the variable and not the content."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=r"^NAME_FILE must name a readable text file, e\.g\. /run/secrets/name\.$"):
        read(NAME_FILE=str(path)).secret("NAME")


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell replaces `~`, systemd and compose do not; a home that nobody has is one line."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("of a file", encoding="ascii")
    env = read(NAME="~/x/../y", BLANK=" ", WRONG="~no-such-user-here/x", KEY_FILE="~/key")
    assert env.path("NAME") == tmp_path / "y"
    assert (env.path("BLANK"), env.path("UNSET", "/srv/x")) == (None, Path("/srv/x"))
    assert env.secret("KEY") == "of a file"
    with pytest.raises(SettingError, match=r"^WRONG must be a path, e\.g\. WRONG="):
        env.path("WRONG")


def test_seal_keys_are_checked() -> None:
    """Keys of the right form pass; any other is refused without being shown."""
    keys = [new_seal_key(), new_seal_key()]
    assert check_seal_keys(keys) == keys
    assert len(keys[0]) == len(Fernet.generate_key())
    with pytest.raises(SettingError) as caught:
        check_seal_keys([keys[0], "not-a-key"])
    assert "not-a-key" not in str(caught.value)


def test_networks() -> None:
    """Addresses and networks of both kinds, as they were given."""
    assert read(NETS="10.0.0.1/8, ::1 ,192.0.2.7").networks("NETS") == ["10.0.0.1/8", "::1", "192.0.2.7"]
    assert read().networks("NETS") == []
    for wrong in ("proxy", "10.0.0.0/33", "10.0.0.0/8;::1"):
        with pytest.raises(SettingError, match="NETS must list addresses or networks"):
            read(NETS=wrong).networks("NETS")


def test_mail_servers() -> None:
    """Plain, with STARTTLS, with TLS from the start; ports as usual; what is percent-encoded is decoded."""
    assert read().mail_server("MAIL") is None
    cases = {
        "smtp://m.example": MailServer("m.example", 25, "", "", False, False, ""),
        "smtps://m.example/": MailServer("m.example", 465, "", "", True, False, ""),
        "smtp://n%40e:p%3Aw@m.example:587/?tls=starttls&from=a@b.c": MailServer(
            "m.example", 587, "n@e", "p:w", False, True, "a@b.c"
        ),
    }
    for text, server in cases.items():
        assert read(MAIL=text).mail_server("MAIL") == server


@pytest.mark.parametrize(
    "text",
    [
        "m.example", "http://m.example", "smtp://", "smtp://m.example:0", "smtp://m.example:x", "smtp://m.example/path",
        "smtp://m.example/?tls=yes", "smtps://m.example/?tls=starttls", "smtp://m.example/?tsl=starttls",
        "smtp://m.example/?from=a", "smtp://[m.example",
    ],
)  # fmt: skip
def test_wrong_mail_servers(text: str) -> None:
    """Whatever cannot be meant is refused, a misspelt option too; the line repeats nothing of it."""
    with pytest.raises(SettingError, match=r"MAIL must be the address of a mail server, e\.g\. MAIL=smtp") as caught:
        read(MAIL=f"{text}").mail_server("MAIL")
    assert "m.example" not in str(caught.value)


def test_addressees() -> None:
    """A list; no display names, no blanks."""
    assert read(TO="a@b.c, d@e.f").addressees("TO") == ["a@b.c", "d@e.f"]
    for wrong in ("a", "@b.c", "a@", "A <a@b.c>", "a b@c.d"):
        with pytest.raises(SettingError, match="TO must list mail addresses"):
            read(TO=wrong).addressees("TO")


def described(ask: Callable[[Environment], object], **variables: str) -> DescribedSetting:
    """What is said of the setting that was asked for last."""
    env = read(**variables)
    ask(env)
    return env.described[-1]


@pytest.mark.parametrize(
    ("ask", "default"),
    [
        (lambda env: env.text("NAME", "preset"), "preset"),
        (lambda env: env.whole("NAME", 5), "5"),
        (lambda env: env.seconds("NAME", 30), "30"),
        (lambda env: env.flag("NAME", True), "1"),
        (lambda env: env.choice("NAME", ("a", "b"), "b"), "b"),
        (lambda env: env.host("NAME", "127.0.0.1"), "127.0.0.1"),
        (lambda env: env.url("NAME", "https://a.example"), "https://a.example"),
        (lambda env: env.label("NAME", "this-host", most=80), "[hidden]"),  # names the machine
        (lambda env: env.secret("NAME"), ""),
        (lambda env: env.path_or_none("NAME", Path("/home/anna/log"), "DATA_DIR/log"), "DATA_DIR/log"),
    ],
)
def test_a_default_is_described(ask: Callable[[Environment], object], default: str) -> None:
    """Whether unset or blank."""
    assert described(ask) == described(ask, NAME=" ") == DescribedSetting("NAME", default, "default")


@pytest.mark.parametrize(
    ("ask", "value"),
    [
        (lambda env: env.whole("NAME", 5), "7"),
        (lambda env: env.seconds("NAME", 5), "0.25"),
        (lambda env: env.flag("NAME"), "1"),
        (lambda env: env.choice("NAME", ("a", "b"), "b"), "a"),
        (lambda env: env.names("NAME", "Magic"), "Gpt_5,Magic"),
        (lambda env: env.table("NAME", ("a",), ("x", "y"), "a=x"), "a=y,x"),
        (lambda env: env.host("NAME", "127.0.0.1"), "0.0.0.0"),
        (lambda env: env.path_or_none("NAME", Path("/x"), "x"), "-"),
    ],
)
def test_a_value_that_can_hide_nothing_is_described(ask: Callable[[Environment], object], value: str) -> None:
    """Numbers, switches, words of a closed list, and addresses that every machine has."""
    assert described(ask, NAME=value) == DescribedSetting("NAME", value, "environment")


@pytest.mark.parametrize(
    ("ask", "value"),
    [
        (lambda env: env.text("NAME"), "anything"),
        (lambda env: env.secret("NAME"), "anything"),
        (lambda env: env.path("NAME"), "/home/anna"),
        (lambda env: env.path_or_none("NAME", Path("/x"), "x"), "/home/anna"),
        (lambda env: env.words("NAME"), "a,b"),
        (lambda env: env.commands("NAME"), "work=/bin/token --password x"),
        (lambda env: env.url("NAME"), "https://example.org"),
        (lambda env: env.site("NAME"), "https://example.org"),
        (lambda env: env.host("NAME", "127.0.0.1"), "192.168.1.20"),
        (lambda env: env.hosts("NAME"), "example.org"),
        (lambda env: env.label("NAME", "x", most=80), "anna-s-laptop"),
        (lambda env: env.origins("NAME"), "https://example.org"),
        (lambda env: env.networks("NAME"), "10.0.0.0/8"),
        (lambda env: env.addressees("NAME"), "anna@example.org"),
        (lambda env: env.mail_server("NAME"), "smtp://a:b@mail.example.org:25"),
    ],
)
def test_any_other_value_is_masked(ask: Callable[[Environment], object], value: str) -> None:
    """It may be a secret, or say whose server this is."""
    assert described(ask, NAME=value) == DescribedSetting("NAME", "[hidden]", "environment")


def test_a_value_that_was_refused_is_not_described() -> None:
    """A secret that was pasted into the wrong variable."""
    env = read(NAME="s3cret")
    with pytest.raises(SettingError):
        env.choice("NAME", ("a", "b"), "a")
    assert env.described == (DescribedSetting("NAME", "[hidden]", "environment"),)


def test_each_setting_is_described_once(tmp_path: Path) -> None:
    """By its own name also where a file has the value, and in the order of reading."""
    (tmp_path / "secret").write_text("of a file")
    env = read(A_FILE=str(tmp_path / "secret"), B="2")
    assert (env.secret("A"), env.whole("B", 1), env.text("B")) == ("of a file", 2, "2")
    assert [setting.name for setting in env.described] == ["A", "B"]
    assert env.described[0] == DescribedSetting("A", "[hidden]", "file")
