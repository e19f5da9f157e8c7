"""`manage.py serve`: the supervisor of one machine: prepares what is missing, then keeps web and workers running."""

from __future__ import annotations

import signal
import socket
import time
from functools import partial
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts.microsoft.services import ensure_default_account, rotate_cookies
from accounts.models import Account
from bingproject.api.openapi import EXAMPLE_USER
from bingproject.cluster._compat_django_q import DrainCluster
from bingproject.cluster.database_identity import verify_installation
from bingproject.conf import ports
from bingproject.conf.environment import SettingError
from bingproject.edge.http_protocol import GuardedHttpProtocol
from bingproject.errors import InvalidRequestError
from bingproject.server import bootstrap, demo
from bingproject.server.demo_rows import ensure_demo_accounts, ensure_demo_key, ensure_demo_user
from bingproject.server.log_keeping import keep_log
from bingproject.server.serve_lock import take_lock
from bingproject.server.supervisor import Service, Supervisor

SANDBOX_ACCOUNT = "sandbox"
WEB_STOP_SECONDS = 2
KEEP_ALIVE_SECONDS = 75
_ANSWER_PAUSE_SECONDS = 0.1


class Command(BaseCommand):
    """Serve until SIGTERM or SIGINT; everything is gone within five seconds after it."""

    help = "Run web server and workers of one machine, and the sandbox when SANDBOX=1."
    requires_system_checks = ["bingproject"]  # noqa: RUF012 - Django declares it as an instance attribute

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --demo and --no-worker."""
        parser.add_argument(
            "--no-worker", action="store_true", help="serve pages and the API, and send nothing: to look at a database"
        )
        parser.add_argument("--demo", action="store_true", help="make a first picture and say what to try (SANDBOX=1)")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Prepare, then supervise."""
        if options["demo"] and not settings.SANDBOX:
            raise SettingError("--demo needs the sandbox: use make demo, or set SANDBOX=1 and a DATA_DIR of its own.")
        # Until the supervisor has its own handlers: each step can be repeated, so none has to notice a Ctrl-C.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if settings.IS_SQLITE:
            take_lock(settings.DATA_DIR, settings.PORT)  # open until this process ends
        keep_log()
        listener = bootstrap.take_port(settings.HOST, settings.PORT)
        sandbox = self._take_sandbox_port()
        password = self._prepare()
        services = [
            Service("web", partial(_serve_web, listener)),
            Service("cluster", partial(_run_cluster, listener)),
            Service("hello", partial(self._greet, listener, password, options["demo"]), is_once=True),
        ]
        if options["no_worker"]:
            services = [service for service in services if service.name != "cluster"]
        if sandbox is not None:
            services.insert(1, Service("sandbox", partial(_serve_sandbox, listener, sandbox), is_foundation=True))
        Supervisor(services, close_port=listener.close).run()

    @staticmethod
    def _take_sandbox_port() -> socket.socket | None:
        """Listen for the sandbox from the start: who asks it before it runs, or while it starts again, waits."""
        if not settings.SANDBOX:
            return None
        bootstrap.require_sandbox()
        return bootstrap.take_port(settings.SANDBOX_HOST, settings.SANDBOX_PORT, for_sandbox=True)

    def _prepare(self) -> str:
        """Tables, files, operator, account; the operator's password when it was just made."""
        if bootstrap.migrate():
            self.stdout.write("Tables are up to date.")
        verify_installation()
        if bootstrap.collect_static_files():
            self.stdout.write("Styles and scripts are collected.")
        password = bootstrap.ensure_operator(lambda made: self._say(demo.say_password(made)))
        ensure_account()
        return password

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _greet(self, listener: socket.socket, password: str, is_demo: bool) -> int:
        """Say where we listen as soon as the web process answers; in the demo make a first picture."""
        listener.close()
        while not _has_answer():
            time.sleep(_ANSWER_PAUSE_SECONDS)
        self._say(demo.welcome(bootstrap.find_operator(), password))
        if not Account.objects.exists():
            self._say(demo.missing_account())
        if is_demo:
            self._greet_demo()
        return 0

    def _greet_demo(self) -> None:
        try:
            ensure_demo_accounts()
            ensure_demo_user()
            key = ensure_demo_key(settings.DATA_DIR) if settings.ACCESS == "keys" else ""
        except OSError as error:
            self._say(f"The demo's accounts could not be made ({error}): stop it with Ctrl-C and start it again.")
            return
        if key:
            self._say(f"An API key of the user {EXAMPLE_USER}, which others need: {key}")
        self._say(demo.make_first_picture(key))


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
        backlog=ports.BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=WEB_STOP_SECONDS,
    )
    uvicorn.Server(config).run([listener])
    return 0


def _run_cluster(listener: socket.socket) -> int:
    listener.close()
    return DrainCluster().run()


def _serve_sandbox(listener: socket.socket, sandbox: socket.socket) -> int:
    listener.close()
    journal = settings.DATA_DIR / "sandbox-journal.jsonl"
    call_command("sandbox", listener=sandbox, journal=journal)
    return 0
