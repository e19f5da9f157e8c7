"""The state of one sandbox: accounts, generations, counts and violations."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from bingproject.sandbox.chat.chat_state import ChatState
from bingproject.sandbox.core.exchange import Request
from bingproject.sandbox.core.journal import Journal
from bingproject.sandbox.core.options import Options
from bingproject.sandbox.core.scenarios import Scenarios

PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
# A generation that is never ready stops counting as running after this time, as real ones do.
GIVE_UP_SECONDS = 600.0
IMAGE, VIDEO = "image", "video"
# A cookie of the sandbox's own, tied to its account: in another account's request it proves that two jars were mixed.
SESSION_COOKIE = b"SANDBOX_SESSION"


def account_name(cookie: bytes) -> str:
    """Name an account by its cookie if that is short and plain, else by a hash: real cookies are never stored."""
    text = cookie.decode("latin-1")
    return text if PLAIN_NAME.fullmatch(text) else "cookie-" + hashlib.sha256(cookie).hexdigest()[:12]


@dataclass
class SandboxAccount:
    """A Microsoft account as the sandbox plays it; `revive_after` counts home pages until a dead cookie lives again."""

    name: str
    boosts: int
    fast_videos: int
    is_alive: bool = True
    revive_after: int | None = None
    nonce_spent: bool = False
    image_limit: int | None = None
    video_limit: int | None = None
    chat_turns: int | None = None
    homes: int = 0
    max_running: dict[str, int] = field(default_factory=lambda: {IMAGE: 0, VIDEO: 0})
    running: dict[str, list[SandboxGeneration]] = field(default_factory=lambda: {IMAGE: [], VIDEO: []})

    @property
    def ig(self) -> str:
        """The IG of this account's pages: 32 upper-case hex digits, the same after a restart."""
        return hashlib.md5(self.name.encode(), usedforsecurity=False).hexdigest().upper()

    def take_chat_turn(self) -> bool:
        """Count a turn of a chat; return False if the account has none left."""
        if self.chat_turns is not None:
            if self.chat_turns <= 0:
                return False
            self.chat_turns -= 1
        return True


@dataclass
class SandboxGeneration:
    """One accepted generation. Times are Unix seconds; its scenarios decide its course."""

    id: str
    prompt: str
    account: str
    kind: str
    model: int
    aspect: int
    lane: str
    rt: int | None
    door: str
    accepted_at: float
    ready_at: float | None
    after_polls: int | None = None
    course: dict[str, float | None] = field(default_factory=dict)
    polls: int = 0
    first_served_at: float | None = None
    checked_query: bytes | None = None

    @property
    def ends_at(self) -> float:
        """When the generation stops counting as running."""
        return self.accepted_at + GIVE_UP_SECONDS if self.ready_at is None else self.ready_at

    def is_ready(self, now: float) -> bool:
        """True if the result may be shown at the current poll."""
        return self.ready_at is not None and now >= self.ready_at

    def record(self) -> dict[str, Any]:
        """Return the generation for the state page and the journal."""
        fields = asdict(self)
        del fields["checked_query"]
        return fields


@dataclass
class Counts:
    """The numbers of requests, by kind."""

    submits: int = 0
    submits_by_prompt: Counter[str] = field(default_factory=Counter)
    submits_by_account: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    polls: int = 0
    homes: int = 0
    result_pages: int = 0
    details: int = 0
    media: Counter[str] = field(default_factory=Counter)
    violations: int = 0


class SandboxState:
    """The memory of one sandbox, used only on its event loop."""

    def __init__(self, options: Options, scenarios: Scenarios, chats: Iterable[str]) -> None:
        self.options = options
        self.scenarios = scenarios
        self.chat_names = tuple(chats)
        self.journal = Journal(options.journal)
        self.forget()
        for line in self.journal.read():
            self._replay(line)

    def forget(self) -> None:
        """Forget everything but the options."""
        self.counts = Counts()
        self.accounts: dict[str, SandboxAccount] = {}
        self.accounts_by_cookie: dict[bytes, SandboxAccount] = {}
        self.generations: dict[str, SandboxGeneration] = {}
        self.media: dict[str, tuple[SandboxGeneration, int]] = {}
        self.violations: deque[dict[str, str]] = deque(maxlen=1000)
        self.scenarios.clear()
        self.chats = {name: ChatState() for name in self.chat_names}
        self.ahead = 0.0

    def reset(self) -> None:
        """Forget everything, and note it in the journal."""
        self.forget()
        self.journal.write({"line": "reset"})

    def now(self) -> float:
        """Return the time of the sandbox's clock, which may have been advanced."""
        return time.time() + self.ahead

    def account(self, name: str) -> SandboxAccount:
        """Return an account, and create it when it is first seen."""
        account = self.accounts.get(name)
        if account is None:
            account = SandboxAccount(name, self.options.boosts, self.options.fast_videos)
            account.is_alive = not name.startswith("expired")
            self.accounts[name] = account
        return account

    def account_of(self, cookie: bytes | None) -> SandboxAccount | None:
        """Return the account a `_U` cookie belongs to, dead or alive; None for a missing or blank one."""
        if not cookie or not cookie.strip():
            return None
        account = self.accounts_by_cookie.get(cookie)
        if account is None:
            account = self.accounts_by_cookie[cookie] = self.account(account_name(cookie))
        return account

    def identify(self, request: Request) -> SandboxAccount | None:
        """Return the account behind a request's `_U`, and find out jars that met."""
        cookies = request.cookies(b"_U")
        if len(cookies) > 1:
            self.violation("two-cookies", "the request carries _U twice", path=request.path)
        account = self.account_of(cookies[0]) if cookies else None
        for session in request.cookies(SESSION_COOKIE):
            if account is None or session != account.ig.encode():
                self.violation(
                    "foreign-cookie", "a session cookie of another account", path=request.path, account=account
                )
        return account

    def set_alive(self, account: SandboxAccount, is_alive: bool, revive_after: int | None = None) -> None:
        """Let an account's cookie die or live again."""
        account.is_alive, account.revive_after = is_alive, revive_after
        self.journal.write(
            {"line": "account", "name": account.name, "is_alive": is_alive, "revive_after": revive_after}
        )

    def violation(self, kind: str, detail: str, *, path: str = "", account: SandboxAccount | None = None) -> None:
        """Record that a client did something that no client of Bing should do."""
        self.counts.violations += 1
        name = account.name if account else ""
        self.violations.append({"kind": kind, "detail": detail[:300], "path": path[:200], "account": name})

    def running(self, account: SandboxAccount, kind: str, now: float) -> int:
        """Count an account's generations that are still going on."""
        going = [generation for generation in account.running[kind] if generation.ends_at > now]
        account.running[kind] = going
        return len(going)

    def limit(self, account: SandboxAccount, kind: str) -> int:
        """Return how many generations of a kind an account may run."""
        own, general = (
            (account.image_limit, self.options.image_limit)
            if kind == IMAGE
            else (account.video_limit, self.options.video_limit)
        )
        return general if own is None else own

    def count_submit(
        self, prompt: str, account: SandboxAccount, outcome: str, generation: SandboxGeneration | None
    ) -> None:
        """Count a submit and write it to the journal, before it is answered."""
        self._count(prompt, account.name, outcome)
        if generation is not None:
            self._adopt(generation)
        self.journal.write(
            {
                "line": "submit",
                "at": self.now(),
                "prompt": prompt,
                "account": account.name,
                "outcome": outcome,
                "generation": generation.record() if generation else None,
            }
        )

    def served(self, generation: SandboxGeneration, now: float) -> None:
        """Record when a result was first sent."""
        if generation.first_served_at is None:
            generation.first_served_at = now
            self.journal.write({"line": "served", "id": generation.id, "at": now})

    def new_id(self, kind: str) -> str:
        """Return a new request id: `1-` and 32 hex digits for images, `4-` for videos."""
        return ("4-" if kind == VIDEO else "1-") + uuid.uuid4().hex

    def _count(self, prompt: str, account: str, outcome: str) -> None:
        self.counts.submits += 1
        self.counts.submits_by_prompt[prompt] += 1
        self.counts.submits_by_account[account] += 1
        self.counts.outcomes[outcome] += 1

    def _adopt(self, generation: SandboxGeneration) -> None:
        account = self.account(generation.account)
        self.generations[generation.id] = generation
        files = 4 if generation.kind == IMAGE and generation.model == 0 else 2
        for index in range(files):
            self.media[media_id(generation, index)] = (generation, index)
        if generation.kind == VIDEO:
            account.fast_videos -= generation.lane == "fast"
        else:
            account.boosts -= generation.lane == "fast"
        running = self.running(account, generation.kind, generation.accepted_at) + 1
        account.running[generation.kind].append(generation)
        account.max_running[generation.kind] = max(account.max_running[generation.kind], running)

    def _replay(self, line: dict[str, Any]) -> None:
        kind = line["line"]
        if kind == "reset":
            self.forget()
        elif kind == "submit":
            self._count(line["prompt"], line["account"], line["outcome"])
            if line["generation"]:
                self._adopt(SandboxGeneration(**line["generation"]))
        elif kind == "account":
            account = self.account(line["name"])
            account.is_alive, account.revive_after = line["is_alive"], line["revive_after"]
        elif kind == "served" and line["id"] in self.generations:
            self.generations[line["id"]].first_served_at = line["at"]


def media_id(generation: SandboxGeneration, index: int) -> str:
    """Name a result file: Bing's prefix by model, then a token that says nothing about the prompt."""
    prefix = "OIG4" if generation.kind == VIDEO else {0: "OIG1", 1: "OIG3"}.get(generation.model, "OIG2")
    return f"{prefix}.{hashlib.sha256(f'{generation.id}/{index}'.encode()).hexdigest()[:24]}"
