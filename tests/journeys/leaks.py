"""A real server whose every trace is kept, an operator and a program who use it, and the search for secrets in it."""

from __future__ import annotations

import base64
import re
import secrets
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from cryptography.fernet import Fernet
from selectolax.lexbor import LexborHTMLParser

from bingproject.sandbox.chat.chat_state import make_token as make_bings_token
from bingproject.sandbox.core.tokens import LIFE_SECONDS
from bingproject.sandbox.providers import make_token
from tests.bingproject.security.authenticators import code_of
from tests.receivers import Post, Webhook, serving
from tests.rig.parts import ROOT, Part, inherited_environment
from tests.rig.servers import free_port, is_listening, wait_for

FORMATS = ("console", "json")
SECONDS = 60.0
GREETING = "Operator's pages"
Trace = tuple[str, bytes]


def marks(secret: str) -> set[bytes]:
    """The secret as it is, percent-encoded, and in base64 wherever it may begin in a longer text."""
    plain = secret.encode()
    found = {plain, quote(secret, safe="").encode()}
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + plain).decode()
        # The first and the last group hold what stands around it.
        found.add(encoded[4 if before else 0 : -4].encode())
    return found


class Leaks:
    """The secrets to look for."""

    def __init__(self, named: Sequence[tuple[str, str]]) -> None:
        self._forms = {name: marks(text) for name, text in named}

    def within(
        self, traces: Iterable[Trace], allowed: frozenset[tuple[str, str]] | set[Any] = frozenset()
    ) -> list[str]:
        """Where which of them was found; `allowed` pairs of secret and trace are not counted."""
        return [
            f"{name} in {where}"
            for where, content in traces
            for name, forms in self._forms.items()
            if (name, where) not in allowed and any(form in content for form in forms)
        ]


class Watched:
    """The server, what it was given, and everything that came out of it."""

    def __init__(self, folder: Path, log_format: str, webhook: Webhook, post: Post) -> None:
        self.secrets: dict[str, str] = {}
        self.answers: list[Trace] = []
        self.allowed: set[tuple[str, str]] = set()
        self._folder, self._webhook, self._post = folder, webhook, post
        port = self._two_ports()
        self.url, self._sandbox = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        (folder / "password").write_text(self.secret("operator's password"))
        self._environment = inherited_environment() | {
            "SANDBOX": "1", "PORT": str(port), "ACCESS": "keys", "MACHINE_ID": "leaks", "PYTHONUNBUFFERED": "1",
            "DATA_DIR": str(folder / "data"), "STATIC_ROOT": str(folder / "static"),
            "LOG_LEVEL": "DEBUG", "LOG_FORMAT": log_format,
            "SECRET_KEY": self.secret("SECRET_KEY", secrets.token_urlsafe(48)),
            "SEAL_KEYS": self.secret("SEAL_KEYS", Fernet.generate_key().decode()),
            "ADMIN_PASSWORD_FILE": str(folder / "password"),
            "ALLOW_PRIVATE_ADDRESSES": "127.0.0.1",
            "ALERT_WEBHOOK_URL": f"{webhook.url}?token={self.secret('webhook token')}",
            "ALERT_WEBHOOK_SECRET": self.secret("webhook secret"),
            "EMAIL_URL": f"smtp://server:{self.secret('mail password')}@127.0.0.1:{post.port}/?from=s@example.org",
            "ALERT_EMAIL": "operator@example.org",
            "CHAT_FIRST_RECORD_SECONDS": "3", "CHAT_GAP_SECONDS": "3", "IMAGE_WAIT_SECONDS": "20",
            "CHAT_ROUTES": "*=bing",  # what fails there fails for good: the others have questions of their own
            "TOKEN_COMMANDS": self._commands(),
        }  # fmt: skip
        self._part = Part(
            "serve", [sys.executable, "manage.py", "serve"], self._environment, folder / "log", str(folder)
        )
        self._admin = self._client()
        self._api = self._client()

    def secret(self, name: str, text: str = "") -> str:
        """A marked secret of this name."""
        return self.secrets.setdefault(name, text or f"mark{secrets.token_hex(12)}")

    def token(self, name: str, service: str, account: str) -> str:
        """A marked token of this name, which the sandbox takes for an hour as this account's."""
        text = self.secret(name, make_token(service, account, time.time() + LIFE_SECONDS))
        self.secret(f"{name}, its claims", text.split(".")[1])
        return text

    def _commands(self) -> str:
        """Programs for TOKEN_COMMANDS, started with a secret: `good` prints a token, `bad` what is none."""
        printed = {"good": self.token("printed token", "m365", "dora"), "bad": self.secret("printed rubbish")}
        argument = self.secret("program's argument")
        for name, text in printed.items():
            (self._folder / name).write_text(f"#!/bin/sh\necho {text}\n")
            (self._folder / name).chmod(0o700)
        return ";".join(f"{name}={self._folder / name} --password {argument}" for name in printed)

    # --- the server ---

    def start(self) -> None:
        """Serve, until pictures could be made."""
        self._part.start()
        wait_for(lambda: GREETING.encode() in self.log or not self._part.pid, "a greeting", SECONDS)
        options = {"image_seconds": 0, "video_seconds": 0}
        wait_for(lambda: is_listening(int(self._sandbox.rpartition(":")[2])), "the sandbox", SECONDS)
        httpx.post(f"{self._sandbox}/_sandbox/options", json=options).raise_for_status()
        wait_for(lambda: httpx.get(f"{self.url}/readyz").status_code == 200, "the worker", SECONDS)

    def stop(self) -> None:
        """End it, so that all is on disk."""
        self._part.stop()

    def kill(self) -> None:
        """Whatever is left of it."""
        self._part.kill()
        wait_for(lambda: self._part.exit_code is not None, "the exit code")
        self._admin.close()
        self._api.close()

    @property
    def log(self) -> bytes:
        """What the server said, from its start."""
        path = self._folder / "log"
        return path.read_bytes() if path.exists() else b""

    @property
    def told(self) -> list[Trace]:
        """What operators were told, by letter and by webhook; the address asked for is the receiver's own."""
        letters = [("a letter", letter.encode()) for letter in self._post.letters]
        return letters + [
            ("a webhook's call", repr(headers).encode() + body) for _, headers, body in self._webhook.seen
        ]

    def files(self) -> list[Trace]:
        """The database's files, as they are on disk."""
        return [(path.name, path.read_bytes()) for path in sorted((self._folder / "data").glob("db.sqlite3*"))]

    def log_files(self) -> list[Trace]:
        """The log that the server keeps beside its database, rotated files included."""
        return [(path.name, path.read_bytes()) for path in sorted((self._folder / "data/logs").glob("server.log*"))]

    def bundle(self) -> list[Trace]:
        """What `manage.py support_bundle` packs, each member unpacked."""
        path = self._folder / "bundle.zip"
        self.run("support_bundle", "--output", str(path))
        with zipfile.ZipFile(path) as archive:
            return [(f"{name} of the bundle", archive.read(name)) for name in archive.namelist()]

    def shown_once(self, name: str, text: str) -> bool:
        """Whether exactly the one answer that is meant to shows it."""
        return [where for where, content in self.answers if text.encode() in content] == [
            where for secret, where in self.allowed if secret == name
        ]

    # --- the program ---

    def api(self, method: str, path: str, key: str, **options: Any) -> httpx.Response:
        """A request with a key."""
        return self._api.request(method, path, headers={"Authorization": f"Bearer {key}"}, **options)

    def learn_bings_tokens(self) -> int:
        """Those of the conversations that Bing has opened; how many."""
        opened = httpx.get(f"{self._sandbox}/_sandbox/state").json()["chat"]["conversations"]
        for number, conversation in enumerate(opened):
            self.secret(f"Bing's token {number}", make_bings_token(conversation["id"], 0))
        return len(opened)

    # --- the operator ---

    def log_in(self, *, wrong: str) -> None:
        """With a wrong password first."""
        self.open("/admin/login/")
        right = self.secrets["operator's password"]
        answers = [self.send("/admin/login/", username="admin", password=text) for text in (wrong, right)]
        assert [answer.status_code for answer in answers] == [200, 302]

    def open(self, path: str) -> httpx.Response:
        """Look at a page."""
        return self._admin.get(path)

    def send(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form."""
        token = self._admin.cookies.get("csrftoken", "")
        return self._admin.post(path, data={"csrfmiddlewaretoken": token, **fields})

    def filled(self, path: str) -> dict[str, Any]:
        """A page's form as the browser would send it back untouched."""
        fields: dict[str, Any] = {}
        for field in LexborHTMLParser(self.open(path).text).css("form input, form textarea, form select"):
            given = field.attributes
            kind, name = given.get("type"), given.get("name") or ""
            if not name or kind in ("submit", "button", "file") or (kind == "checkbox" and "checked" not in given):
                continue
            chosen = field.css_first("option[selected]") if field.tag == "select" else None
            value = chosen.attributes.get("value") if chosen else given.get("value")
            fields[name] = (field.text(strip=True) if field.tag == "textarea" else value) or ""
        return {name: value for name, value in fields.items() if name not in ("q", "s", "_save", "step")}

    def add_account(self, name: str, pasted: str, **fields: str) -> None:
        """Paste cookies, or a token, for a new account."""
        path = "/admin/accounts/account/add/"
        self.send(path, **(self.filled(path) | {"name": name, "new_cookies": pasted, "is_enabled": "on"} | fields))

    def change_account(self, name: str, **fields: str) -> None:
        """Change it on its page."""
        path = self.row("accounts/account", name)
        self.send(path, **(self.filled(path) | fields))

    def row(self, model: str, words: str) -> str:
        """The page of the row that has these words in its list."""
        page = LexborHTMLParser(self.open(f"/admin/{model}/").text)
        rows = [row for row in page.css("#result_list tr") if words in row.text()]
        links = [link.attributes.get("href") or "" for row in rows for link in row.css("a[href*='/change/']")]
        assert links, f"no {words} in {model}"
        return links[0].partition("?")[0]

    def act(self, model: str, action: str) -> None:
        """Choose an action for every row of a list."""
        page = LexborHTMLParser(self.open(f"/admin/{model}/").text)
        rows = [box.attributes.get("value") for box in page.css("input[name=_selected_action]")]
        assert rows and self.send(f"/admin/{model}/", action=action, _selected_action=rows).status_code == 302

    def wait_for_account(self, name: str, state: str) -> None:
        """Until a worker has looked at it."""

        def states() -> list[str]:
            rows = LexborHTMLParser(self.open("/admin/accounts/account/").text).css("#result_list tr")
            cells = [row.css_first(".field-state_shown") for row in rows if name in row.text()]
            return [cell.text(strip=True).lower().partition(",")[0] for cell in cells if cell is not None]

        wait_for(lambda: states() == [state], f"{name} {state}", SECONDS, 0.3)

    def add_user(self, user_id: str) -> None:
        """Let somebody in."""
        path = "/admin/accounts/whitelisteduser/add/"
        answer = self.send(path, **(self.filled(path) | {"user_id": user_id, "is_active": "on"}))
        assert answer.status_code == 302, answer.text

    def issue_key(self) -> str:
        """The key, from the one page that shows it."""
        path = "/admin/accounts/apikey/add/"
        options = LexborHTMLParser(self.open(path).text).css("select[name=user] option")
        user = next(value for option in options if (value := option.attributes.get("value")))
        kinds = dict.fromkeys(("can_make_images", "can_make_videos", "can_chat"), "on")
        sent = self.send(path, **(self.filled(path) | kinds | {"user": user}))
        page = self.open(sent.headers["Location"])
        found = re.search(r"bp_[\w-]{40,}", page.text)
        assert found is not None, page.text
        self.allowed.add(("key", self.answers[-1][0]))
        return found[0]

    def set_up_second_factor(self) -> list[str]:
        """Until it is in force; the recovery codes, from the one page that shows them."""
        path = "/admin/second-factor/"
        self.send(path, step="begin")
        begun = LexborHTMLParser(self.open(path).text).css_first("[data-key]")
        assert begun is not None
        # Shown in groups of four; programs read it from the picture, where no text is.
        shown = self.secrets["second factor"] = begun.text()
        self.secrets["second factor without blanks"] = shown.replace(" ", "")
        self.allowed.add(("second factor", self.answers[-1][0]))
        self.send(path, step="confirm", code="000000")
        wait_for(
            lambda: self.send(path, step="confirm", code=code_of(shown)).status_code == 302,
            "the pause after a wrong code", SECONDS,
        )  # fmt: skip
        page = LexborHTMLParser(self.open(path).text).css_first("[data-recovery]")
        assert page is not None
        codes = page.text().split()
        self.allowed |= {(f"code {code}", self.answers[-1][0]) for code in codes}
        return codes

    def tell_alerts(self) -> None:
        """Have a test sent from the page, then what is the matter found and told, by processes as the queue's."""
        assert self.send("/admin/bingproject/alert/test/").status_code == 302
        self.run("shell", "--command", "from bingproject.jobs import tell_alerts; print(tell_alerts())")
        wait_for(lambda: any("account “bert”".encode() in text for _, text in self.told), "an alert", SECONDS)

    def open_every_page(self) -> None:
        """Each list of the side bar, a new row's page, each row's with its history, and what can be exported."""
        menu = LexborHTMLParser(self.open("/admin/").text).css("#nav-sidebar a[href^='/admin/']")
        for path in dict.fromkeys((link.attributes.get("href") or "").partition("?")[0] for link in menu):
            listed = self.open(path)
            self.open(f"{path}add/")
            links = LexborHTMLParser(listed.text).css("#result_list a[href*='/change/']")
            for page in dict.fromkeys((link.attributes.get("href") or "").partition("?")[0] for link in links):
                self.open(page)
                self.open(page.replace("/change/", "/history/"))
            if self.open(f"{path}export/").status_code == 200:
                for number in range(3):
                    self.send(f"{path}export/", **(self.filled(f"{path}export/") | {"format": str(number)}))
        self.open("/admin/second-factor/")

    def run(self, *arguments: str) -> None:
        """One command of manage.py; what it says is searched too."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], env=self._environment, cwd=ROOT, capture_output=True, timeout=60
        )
        self.answers.append((f"manage.py {arguments[0]}", done.stdout + done.stderr))

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=SECONDS, event_hooks={"response": [self._keep]})

    def _keep(self, answer: httpx.Response) -> None:
        """Head and body; one's own session and form cookies are no secret to who gets them."""
        answer.read()
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
        number = len(self.answers)
        asked = f"{number}: {answer.request.method} {answer.request.url.path}"
        self.answers.append((asked, head + b"\n\n" + answer.content))

    @staticmethod
    def _two_ports() -> int:
        for _ in range(50):
            port = free_port()
            if port < 65000 and not is_listening(port + 1):
                return port
        raise RuntimeError("no two free ports in a row")


@contextmanager
def serving_watched(folder: Path, log_format: str) -> Iterator[Watched]:
    """The server with those it tells, gone after the block."""
    with serving(Webhook()) as webhook, serving(Post()) as post:
        watched = Watched(folder, log_format, webhook, post)
        try:
            watched.start()
            yield watched
        finally:
            watched.kill()
