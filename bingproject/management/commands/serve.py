"""`manage.py serve`: the supervisor of one machine: prepares what is missing, then keeps web and workers running."""

from __future__ import annotations

import socket
import time
from functools import partial
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts.models import Account
from accounts.protocol import find_credentials
from accounts.services import ensure_default_account, give_credentials, rotate_cookies
from accounts.tokens import Service as Copilot
from bingproject import demo, preparation
from bingproject.cluster import DrainCluster
from bingproject.environment import SettingError
from bingproject.errors import InvalidRequestError
from bingproject.heads import GuardedHttpProtocol
from bingproject.installation import verify_installation
from bingproject.supervisor import Service, Supervisor
from bingproject.upstream import USER_AGENT

SANDBOX_ACCOUNT = "sandbox"
DEMO_ACCOUNTS: dict[Copilot, str] = {"copilot": "sandbox copilot", "m365": "sandbox m365"}
DEMO_TIERS: dict[Copilot, str] = {"copilot": "", "m365": "individual"}
WEB_STOP_SECONDS = 2
KEEP_ALIVE_SECONDS = 75
_ANSWER_PAUSE_SECONDS = 0.1


class Command(BaseCommand):
    """Serve until SIGTERM or SIGINT; everything is gone within five seconds after it."""

    help = "Run web server and workers of one machine, and the sandbox when SANDBOX=1."
    requires_system_checks = ["bingproject"]  # noqa: RUF012 - Django declares it as an instance attribute

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --demo."""
        parser.add_argument("--demo", action="store_true", help="make a first picture and say what to try (SANDBOX=1)")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Prepare, then supervise."""
        if options["demo"] and not settings.SANDBOX:
            raise SettingError("--demo needs the sandbox: use make demo, or set SANDBOX=1 and a DATA_DIR of its own.")
        listener = preparation.take_port(settings.HOST, settings.PORT)
        if settings.SANDBOX:
            preparation.take_port(settings.SANDBOX_HOST, settings.SANDBOX_PORT).close()
        password = self._prepare()
        services = [
            Service("web", partial(_serve_web, listener)),
            Service("cluster", partial(_run_cluster, listener)),
            Service("hello", partial(self._greet, listener, password, options["demo"]), is_once=True),
        ]
        if settings.SANDBOX:
            services.insert(1, Service("sandbox", partial(_serve_sandbox, listener), is_foundation=True))
        Supervisor(services).run()

    def _prepare(self) -> str:
        """Tables, files, operator, account; the operator's password when it was just made."""
        if preparation.migrate():
            self.stdout.write("Tables are up to date.")
        verify_installation()
        if preparation.collect_static_files():
            self.stdout.write("Styles and scripts are collected.")
        password = preparation.ensure_operator()
        ensure_account()
        return password

    def _greet(self, listener: socket.socket, password: str, is_demo: bool) -> int:
        """Say where we listen as soon as the web process answers; in the demo make a first picture."""
        listener.close()
        while not _has_answer():
            time.sleep(_ANSWER_PAUSE_SECONDS)
        self.stdout.write(demo.welcome(password))
        self.stdout.flush()
        if is_demo:
            _ensure_demo_accounts()
            self.stdout.write(demo.make_first_picture())
        return 0


def _has_answer() -> bool:
    try:
        demo.fetch("GET", "/healthz")
    except (OSError, ValueError):
        return False
    return True


def ensure_account() -> None:
    """The account that lets a fresh server work: the sandbox's own, or the one of BING_COOKIE_U."""
    try:
        if not settings.SANDBOX:
            ensure_default_account(settings.BING_COOKIE_U)
        elif not Account.objects.exists():
            account = Account.objects.create(name=SANDBOX_ACCOUNT)
            rotate_cookies(account, {"_U": "sandbox-account"}, timezone.now())
    except InvalidRequestError as error:
        raise SettingError(f"BING_COOKIE_U cannot be used: {error.message}") from error


def _ensure_demo_accounts() -> None:
    """An account of each of the two Copilots, with a token of the sandbox's; one that has a token is left alone."""
    for service, name in DEMO_ACCOUNTS.items():
        account, _ = Account.objects.get_or_create(
            name=name,
            defaults={"kind": service, "user_agent": USER_AGENT, "tier": DEMO_TIERS[service]},
        )
        if account.sealed_token:
            continue
        now = timezone.now()
        found = find_credentials(demo.fetch_token(service), service, now.timestamp())
        Account.objects.filter(pk=account.pk).update(object_id=found.object_id, tenant_id=found.tenant_id)
        give_credentials(account, found, now)


def _serve_web(listener: socket.socket) -> int:
    config = uvicorn.Config(
        "bingproject.asgi:application",
        loop="uvloop",
        http=GuardedHttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=preparation.BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=WEB_STOP_SECONDS,
    )
    uvicorn.Server(config).run([listener])
    return 0


def _run_cluster(listener: socket.socket) -> int:
    listener.close()
    return DrainCluster().run()


def _serve_sandbox(listener: socket.socket) -> int:
    listener.close()
    journal = settings.DATA_DIR / "sandbox-journal.jsonl"
    call_command("sandbox", host=settings.SANDBOX_HOST, port=settings.SANDBOX_PORT, journal=journal)
    return 0
