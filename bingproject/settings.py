"""Every setting, read from the environment; docs/contracts.md has the table.

A wrong value raises `SettingError`, which `manage.py` and `bingproject.asgi` print as one line.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url

from bingproject.environment import (
    LOOPBACK_HOSTS,
    Environment,
    SettingError,
    check_seal_keys,
    new_seal_key,
    new_secret_key,
    stored_secret,
)
from bingproject.fixed_settings import *  # noqa: F403 - each of its names is a setting

env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent

# --- where we listen, who gets in ---
HOST = env.text("HOST", "127.0.0.1")
PORT = env.whole("PORT", 7860, least=1, most=65534)
PUBLIC_URL = env.url("PUBLIC_URL")
IS_LOOPBACK = HOST in LOOPBACK_HOSTS
ACCESS = env.choice("ACCESS", ("open", "keys"), "open" if IS_LOOPBACK else "keys")
if ACCESS == "open" and not IS_LOOPBACK:
    raise SettingError(f"ACCESS=open works on a loopback HOST only, not on {HOST}: set ACCESS=keys, e.g. ACCESS=keys.")
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
ALLOW_PRIVATE_ADDRESSES = env.networks("ALLOW_PRIVATE_ADDRESSES")
PUBLIC_HOSTS = [urlsplit(PUBLIC_URL).hostname or ""] if PUBLIC_URL else []
# The loopback names always: health checks and whoever works on this machine use them. A page that has its own name
# point here still comes under its own name, and from elsewhere anybody can say any of the names anyway.
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *env.words("ALLOWED_HOSTS"), *PUBLIC_HOSTS]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
IS_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_SECURE
SECURE_HSTS_SECONDS = 31_536_000 if IS_SECURE else 0
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# What `check --deploy` would have besides, and why not here: docs/decisions.md.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]

# --- the sandbox or the real Bing ---
SANDBOX = env.flag("SANDBOX")
SANDBOX_HOST, SANDBOX_PORT = "127.0.0.1", PORT + 1
SANDBOX_URL = f"http://{SANDBOX_HOST}:{SANDBOX_PORT}"
BING_URL = SANDBOX_URL if SANDBOX else env.url("BING_URL", "https://www.bing.com")
BING_MEDIA_URL = SANDBOX_URL if SANDBOX else env.url("BING_MEDIA_URL", "https://th.bing.com")
BING_COOKIE_U = env.text("BING_COOKIE_U")
# Programs that print access tokens: named here only, so that nobody who can use the admin can have another one run.
TOKEN_COMMANDS = env.commands("TOKEN_COMMANDS")
UPSTREAM_TIMEOUT_SECONDS = env.seconds("UPSTREAM_TIMEOUT_SECONDS", 30)
_SYDNEY = env.url("SYDNEY_URL", "wss://sydney.bing.com/sydney/ChatHub", schemes=("wss", "ws"))
SYDNEY_URL = f"ws://{SANDBOX_HOST}:{SANDBOX_PORT}/sydney/ChatHub" if SANDBOX else _SYDNEY
COPILOT_URL = SANDBOX_URL if SANDBOX else env.url("COPILOT_URL", "https://copilot.microsoft.com")
_M365 = env.url("M365_URL", "wss://substrate.office.com/m365Copilot/Chathub", schemes=("wss", "ws"))
M365_URL = f"ws://{SANDBOX_HOST}:{SANDBOX_PORT}/m365Copilot/Chathub" if SANDBOX else _M365

# --- secrets and rows ---
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "data"))).resolve()
DATABASE_URL = env.secret("DATABASE_URL")
REDIS_URL = env.secret("REDIS_URL")
ADMIN_PASSWORD_FILE = env.text("ADMIN_PASSWORD_FILE")
DATABASE_FORM = (
    "DATABASE_URL must be an address, e.g. DATABASE_URL=postgres://name:password@db.example.org:5432/bingproject."
)


def _database() -> dict[str, Any]:
    """The default database: SQLite that survives power loss, or PostgreSQL with connections kept open."""
    if not DATABASE_URL:
        DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        found: dict[str, Any] = dict(dj_database_url.parse(DATABASE_URL or f"sqlite:///{DATA_DIR / 'db.sqlite3'}"))
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError) as error:
        raise SettingError(DATABASE_FORM) from error
    if found["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE: read-then-write transactions of several processes fail otherwise; FULL: a power cut must not
        # roll `submitting` back to `queued`, which would submit twice.
        found["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
        }
        found["TEST"] = {"NAME": str(Path(found["NAME"]).with_name("test.sqlite3"))}
        # Requests share a few threads, which keep their connections: opening one costs more than a request.
        found["CONN_MAX_AGE"] = None
    elif found["ENGINE"].endswith("postgresql"):
        found["CONN_MAX_AGE"] = 600
        found["CONN_HEALTH_CHECKS"] = True
    else:
        raise SettingError(DATABASE_FORM)
    return found


DATABASES = {"default": _database()}
IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
# Secrets may be made here only where no second machine can need the same ones.
MAY_MAKE_SECRETS = IS_SQLITE and not REDIS_URL


def _secret(name: str, create: Any) -> str:
    found = env.secret(name)
    if not found and not MAY_MAKE_SECRETS:
        example = f"{name}_FILE=/run/secrets/{name.lower()}"
        raise SettingError(f"{name} or {name}_FILE must be given with PostgreSQL or Redis, e.g. {example}.")
    return found or stored_secret(DATA_DIR / name.lower(), create)


SECRET_KEY = _secret("SECRET_KEY", new_secret_key)
SEAL_KEYS = check_seal_keys([key.strip() for key in _secret("SEAL_KEYS", new_seal_key).split(",") if key.strip()])

# --- tasks ---
IMAGE_WAIT_SECONDS = env.seconds("IMAGE_WAIT_SECONDS", 300)
QUEUE_DEADLINE_SECONDS = env.seconds("QUEUE_DEADLINE_SECONDS", 3600)
IMAGE_DEADLINE_SECONDS = env.seconds("IMAGE_DEADLINE_SECONDS", 900)
VIDEO_DEADLINE_SECONDS = env.seconds("VIDEO_DEADLINE_SECONDS", 21600)
MAX_QUEUED = env.whole("MAX_QUEUED", 10_000, least=1)
MAX_QUEUED_PER_HOLDER = 100
RUNNER_LEASE_SECONDS = 8.0  # a runner not heard of for so long is dead
RUNNER_CAPACITY = 1000  # generations one machine carries
RUNNER_SLICE_SECONDS = 300.0  # then the job hands over to a fresh one; shorter than Q_CLUSTER["timeout"]
# Waits before a submit that Bing did not take is sent again; as many tries as waits.
SUBMIT_RETRY_SECONDS = (2.0, 5.0, 15.0)
# Looks in a row that brought nothing readable before a generation is given up, and the longest pause between them.
POLL_TRIES, POLL_PROTOCOL_TRIES, POLL_BACKOFF_SECONDS = 8, 3, 30.0
TASK_RETENTION_DAYS = env.whole("TASK_RETENTION_DAYS", 90, least=1)

# --- chat ---
CHAT_FIRST_RECORD_SECONDS = env.seconds("CHAT_FIRST_RECORD_SECONDS", 30)
CHAT_GAP_SECONDS = env.seconds("CHAT_GAP_SECONDS", 60)
CHAT_TURN_SECONDS = env.seconds("CHAT_TURN_SECONDS", 300)
CHAT_HOLD_SECONDS = 15.0  # a stream's status is held back at most so long, for a failure to become the status
CHAT_QUIET_SECONDS = 15.0  # a stream as quiet as this is kept alive by a chunk that says nothing
CHAT_INLINE_EXTRAS = env.flag("CHAT_INLINE_EXTRAS")
CHAT_STORE_TEXT = env.flag("CHAT_STORE_TEXT", True)
# Which back ends may stand in for a style, the first that can; "*" are all styles that are not named.
CHAT_ROUTES = env.table(
    "CHAT_ROUTES", ("precise", "balanced", "creative", "*"), ("bing", "m365", "copilot"), "precise=m365,bing"
)
M365_TONES = env.names("M365_TONES", "Gpt_5_2_Quick,Gpt_5_2_Reasoning")
CHAT_RETENTION_DAYS = env.whole("CHAT_RETENTION_DAYS", 30, least=1)

# --- operators are told ---
EMAIL_SERVER = env.mail_server("EMAIL_URL")
ALERT_EMAIL = env.addressees("ALERT_EMAIL")
ALERT_WEBHOOK_URL = env.url("ALERT_WEBHOOK_URL", is_whole=True)
ALERT_WEBHOOK_SECRET = env.secret("ALERT_WEBHOOK_SECRET")
ALERT_QUEUE_MINUTES = env.whole("ALERT_QUEUE_MINUTES", 10, least=1, most=1440)
if ALERT_EMAIL and EMAIL_SERVER is None:
    raise SettingError("ALERT_EMAIL needs EMAIL_URL, e.g. EMAIL_URL=smtp://mail.example.org:25.")
if EMAIL_SERVER is not None and not ALERT_EMAIL:
    raise SettingError("EMAIL_URL needs ALERT_EMAIL, e.g. ALERT_EMAIL=operator@example.org.")
if bool(ALERT_WEBHOOK_URL) != bool(ALERT_WEBHOOK_SECRET):
    raise SettingError(
        "ALERT_WEBHOOK_URL and ALERT_WEBHOOK_SECRET belong together, e.g. ALERT_WEBHOOK_SECRET=<32 random characters>."
    )
if EMAIL_SERVER is not None:
    EMAIL_HOST, EMAIL_PORT = EMAIL_SERVER.host, EMAIL_SERVER.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL_SERVER.user, EMAIL_SERVER.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = EMAIL_SERVER.is_tls, EMAIL_SERVER.is_starttls
    DEFAULT_FROM_EMAIL = EMAIL_SERVER.sender or (EMAIL_HOST_USER if "@" in EMAIL_HOST_USER else ALERT_EMAIL[0])
EMAIL_TIMEOUT = 10
# What yields the causes of alerts; each takes the time and knows its own app.
ALERT_CAUSES = ["accounts.services.find_alert_causes", "creator.services.find_alert_causes"]

# --- the queue: engine figures, see docs/decisions.md ---
MACHINE_ID = env.text("MACHINE_ID", socket.gethostname())
if env.text("Q_CLUSTER_NAME"):  # django-q2's own variable would give the queue another name behind our back
    raise SettingError("Q_CLUSTER_NAME must not be set: the queue is named by MACHINE_ID, e.g. MACHINE_ID=worker-1.")
# The longest job is a slice whose last request is still being answered; nothing may cut it short or start it twice.
JOB_TIMEOUT_SECONDS = int(RUNNER_SLICE_SECONDS + UPSTREAM_TIMEOUT_SECONDS) + 30
QUEUE_PREFIX = "bingproject-"
Q_CLUSTER: dict[str, Any] = {
    "name": "bingproject",
    "cluster_name": f"{QUEUE_PREFIX}{MACHINE_ID}",  # one queue per machine: runner and canary belong to it
    "workers": 3,  # the runner, the canary, one short job
    "queue_limit": 3,
    "bulk": 1,
    "timeout": JOB_TIMEOUT_SECONDS,
    "retry": JOB_TIMEOUT_SECONDS + 60,
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": -1,
    "recycle": 50,
    "guard_cycle": 0.5,
    "scheduler": False,
    "catch_up": False,
    "log_level": "WARNING",
}
if REDIS_URL:
    if urlsplit(REDIS_URL).scheme not in ("redis", "rediss", "unix"):
        raise SettingError("REDIS_URL must be an address, e.g. REDIS_URL=redis://cache.example.org:6379/0.")
    Q_CLUSTER["redis"] = REDIS_URL
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
else:
    Q_CLUSTER |= {"orm": "default", "poll": 0.2}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "bingproject_cache"}}
# (question, job): the watchdog asks the question every tick and enqueues the job on a yes.
CLUSTER_NUDGES = [
    ("creator.services.needs_runner", "creator.jobs.drive"),
    # A check asked for on a machine without workers is in nobody's queue.
    ("accounts.services.needs_check", "accounts.jobs.check_wanted_accounts"),
]
# job → every N seconds, once in the whole installation.
CLUSTER_PERIODIC = {
    "accounts.jobs.check_accounts": 1800,
    "accounts.jobs.prune_counters": 3600,
    "accounts.jobs.prune_uploads": 3600,
    "accounts.jobs.renew_tokens": 120,
    "creator.jobs.prune_tasks": 3600,
    "chat.jobs.prune_conversations": 3600,
    "bingproject.jobs.prune_queue_records": 3600,
    "bingproject.jobs.prune_queues": 3600,
    "bingproject.jobs.tell_alerts": 30,
}

# capability → the question that proves it works, without spending anything (accounts.services.proofs).
CAPABILITY_CHECKS = {
    "image": "creator.services.check_images",
    "video": "creator.services.check_videos",
    "chat": "chat.services.check_chat",
    "copilot": "chat.services.token_checks.check_copilot",
    "m365": "chat.services.token_checks.check_m365",
}
# capability → one honest try for `manage.py probe`: (account, capability, transcript) → None, or raises.
PROBES = {
    "image": "creator.services.probes.probe_pages",
    "video": "creator.services.probes.probe_pages",
    "chat": "chat.services.probes.probe_chat",
    "copilot": "chat.services.probes.probe_chat",
    "m365": "chat.services.probes.probe_chat",
}
# capability → with `--spend` this instead, which really makes one: (account, capability, transcript, seconds) → None.
MAKING_PROBES = {
    "image": "creator.services.probes.probe_making",
    "video": "creator.services.probes.probe_making",
}
CHECK_WAIT_SECONDS = 10.0  # how long a page waits for a worker to have done the check that it asked for
# Questions after what accounts are doing, besides the leases on them: (account ids, now) → {(id, capability): count}.
ACCOUNT_LOADS = ["creator.services.count_in_flight"]

# --- Django ---
DEBUG = False
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "axes",
    "csp",
    "django_otp",
    "import_export",
    "bingproject",
    "accounts",
    "creator",
    "chat",
]
# The admin's; API paths have none (bingproject.gate).
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last: it puts its page in place of the answer.
    "axes.middleware.AxesMiddleware",
]
# The theme's scripts are all files, but Alpine makes functions of the expressions in the pages' attributes
# ('unsafe-eval'), and its colours are a style element of the page ('unsafe-inline', for styles only).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "img-src": ["'self'", "data:", BING_MEDIA_URL],
        "media-src": ["'self'", BING_MEDIA_URL],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
BODY_LIMIT_BYTES = 1024 * 1024
CHAT_BODY_LIMIT_BYTES = 8 * 1024 * 1024  # pictures come within the body
# Forms of the admin in which operators paste or upload whole files: 32 MiB, and the form's other fields.
LARGE_FORM_PATHS = [r"/admin/accounts/account/(add|\d+/change)/", r"/admin/accounts/whitelisteduser/import/"]
UPLOAD_LIMIT_BYTES = 32 * 1024 * 1024
LARGE_FORM_LIMIT_BYTES = UPLOAD_LIMIT_BYTES + 1024 * 1024
# The largest of them; the gate keeps each route's own. What comes is kept in memory and never in a temporary file: it
# may be somebody's cookies.
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = LARGE_FORM_LIMIT_BYTES
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
# Atomic requests stay off: a request that waits for a worker would wait for its own commit.
ATOMIC_REQUESTS = False

LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
LOG_FORMAT = env.choice("LOG_FORMAT", ("console", "json"), "console")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redaction": {"()": "bingproject.redaction.RedactionFilter"}},
    "formatters": {
        "console": {"()": "bingproject.redaction.ConsoleFormatter"},
        "json": {"()": "bingproject.redaction.JsonFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "filters": ["redaction"], "formatter": LOG_FORMAT},
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # httpx logs every URL at INFO: prompts would end up in the log.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        # At DEBUG it logs what a socket is asked for: its address holds a token.
        "websockets": {"level": "WARNING"},
        "django-q": {"level": "WARNING", "handlers": [], "propagate": True},
        # uvicorn's own command has set these up by now, with a handler that neither masks nor writes JSON.
        # Their levels stay as uvicorn was told: `serve` has its own words for a start.
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.error": {"handlers": [], "propagate": True},
        # Ours has the request ids. With a handler above it, it would turn itself on, whatever is asked for.
        "uvicorn.access": {"handlers": [], "propagate": False},
    },
}
