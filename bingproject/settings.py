"""Every setting, read from the environment; docs/contracts.md has the table.

A wrong value raises `SettingError`, which `manage.py` and `bingproject.asgi` print as one line.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bingproject.conf.addresses import build_origin, find_local_host, find_reachable_host
from bingproject.conf.data_dir import DATABASE_NAME, make_database, make_folder, stored_secret
from bingproject.conf.database_url import (
    ENGINE,
    FORM,
    check_database,
    check_redis_url,
    parse_database_url,
    postgresql_options,
)
from bingproject.conf.environment import Environment, SettingError, check_seal_keys, new_seal_key, new_secret_key
from bingproject.conf.fixed_settings import *  # noqa: F403 - each of its names is a setting
from bingproject.conf.origins import host_of
from bingproject.conf.ports import LOOPBACK_HOSTS, sandbox_host

env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent

# --- listening and access ---
HOST = env.host("HOST", "127.0.0.1")
PORT = env.whole("PORT", 7860, least=1, most=65534)
PUBLIC_URL = env.site("PUBLIC_URL")
IS_LOOPBACK = HOST in LOOPBACK_HOSTS
ACCESS = env.choice("ACCESS", ("open", "keys"), "open" if IS_LOOPBACK else "keys")
if ACCESS == "open" and not IS_LOOPBACK:
    raise SettingError(f"ACCESS=open works on a loopback HOST only, not on {HOST}: set ACCESS=keys, e.g. ACCESS=keys.")
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
ALLOW_PRIVATE_ADDRESSES = env.networks("ALLOW_PRIVATE_ADDRESSES")
PUBLIC_HOSTS = [host_of(urlsplit(PUBLIC_URL).hostname or "")] if PUBLIC_URL else []
# The loopback names always: health checks and whoever works on this machine use them. A page that has its own name
# point here still comes under its own name, and from elsewhere anybody can say any of the names anyway.
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *env.hosts("ALLOWED_HOSTS"), *PUBLIC_HOSTS]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
CSRF_FAILURE_VIEW = "bingproject.operators.csrf_failure.refused_form"
IS_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_SECURE
SECURE_HSTS_SECONDS = 31_536_000 if IS_SECURE else 0
SESSION_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Decision 27 says why the other demands of `check --deploy` do not apply here.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]

# --- the sandbox or the real Bing ---
SANDBOX = env.flag("SANDBOX")
# If others may use this server, they may fetch the sandbox's pictures too.
SANDBOX_HOST, SANDBOX_PORT = sandbox_host(HOST), PORT + 1
SANDBOX_URL = build_origin(find_local_host(SANDBOX_HOST), SANDBOX_PORT)
SANDBOX_SOCKET_URL = SANDBOX_URL.replace("http", "ws", 1)
OTHERS_HOST = "" if IS_LOOPBACK or not SANDBOX else (*PUBLIC_HOSTS, find_reachable_host(HOST))[0].strip("[]")
_SANDBOX_MEDIA_URL = build_origin(OTHERS_HOST or SANDBOX_HOST, SANDBOX_PORT)
if OTHERS_HOST:
    ALLOWED_HOSTS.append(f"[{OTHERS_HOST}]" if ":" in OTHERS_HOST else OTHERS_HOST)
BING_URL = SANDBOX_URL if SANDBOX else env.url("BING_URL", "https://www.bing.com")
BING_MEDIA_URL = _SANDBOX_MEDIA_URL if SANDBOX else env.url("BING_MEDIA_URL", "https://th.bing.com")
BING_COOKIE_U = env.text("BING_COOKIE_U")
# Programs that print access tokens. They can be named here only, so that the admin cannot be used to run others.
TOKEN_COMMANDS = env.commands("TOKEN_COMMANDS")
UPSTREAM_TIMEOUT_SECONDS = env.seconds("UPSTREAM_TIMEOUT_SECONDS", 30)
_SYDNEY = env.url("SYDNEY_URL", "wss://sydney.bing.com/sydney/ChatHub", schemes=("wss", "ws"))
SYDNEY_URL = f"{SANDBOX_SOCKET_URL}/sydney/ChatHub" if SANDBOX else _SYDNEY
COPILOT_URL = SANDBOX_URL if SANDBOX else env.url("COPILOT_URL", "https://copilot.microsoft.com")
_M365 = env.url("M365_URL", "wss://substrate.office.com/m365Copilot/Chathub", schemes=("wss", "ws"))
M365_URL = f"{SANDBOX_SOCKET_URL}/m365Copilot/Chathub" if SANDBOX else _M365
M365_TIME_ZONE = env.time_zone("M365_TIME_ZONE", "UTC")

# --- secrets and rows ---
DATA_DIR = env.path("DATA_DIR") or BASE_DIR / "data"
DATABASE_URL = env.secret("DATABASE_URL")
REDIS_URL = env.secret("REDIS_URL")
if REDIS_URL:
    check_redis_url(REDIS_URL)
ADMIN_PASSWORD_FILE = env.path("ADMIN_PASSWORD_FILE")


def _database() -> dict[str, Any]:
    """The default database: SQLite that survives power loss, or PostgreSQL with connections kept open."""
    if DATABASE_URL:
        found = parse_database_url(DATABASE_URL)
    else:
        make_folder(DATA_DIR)
        # Not by a URL, in which a # or ? in a folder's name would end the path.
        found = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / DATABASE_NAME)}
    if found["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE: read-then-write transactions of several processes fail otherwise; FULL: a power cut must not
        # roll `submitting` back to `queued`, which would submit twice.
        found["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
        }
        check_database(found)
        make_database(Path(found["NAME"]))
        found["TEST"] = {"NAME": str(Path(found["NAME"]).with_name("test.sqlite3"))}
        # A few threads serve all requests and keep their connections: opening one costs more than a request.
        found["CONN_MAX_AGE"] = None
    elif found["ENGINE"].endswith("postgresql"):
        found["ENGINE"] = ENGINE
        found["OPTIONS"] = postgresql_options(found.get("OPTIONS", {}))
        found["CONN_MAX_AGE"] = 600
        found["CONN_HEALTH_CHECKS"] = True
        check_database(found)
    else:
        raise SettingError(FORM)
    return found


DATABASES = {"default": _database()}
IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
# Secrets may be created here only if no second machine needs the same ones.
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
JOIN_REPEATS_SECONDS = env.whole("JOIN_REPEATS_SECONDS", 30, least=0, most=3600)
QUEUE_DEADLINE_SECONDS = env.seconds("QUEUE_DEADLINE_SECONDS", 3600)
IMAGE_DEADLINE_SECONDS = env.seconds("IMAGE_DEADLINE_SECONDS", 900)
VIDEO_DEADLINE_SECONDS = env.seconds("VIDEO_DEADLINE_SECONDS", 21600)
MAX_QUEUED = env.whole("MAX_QUEUED", 10_000, least=1)
MAX_QUEUED_PER_HOLDER = 100
RUNNER_LEASE_SECONDS = 8.0  # a runner that has not renewed its lease for this time is dead
RUNNER_CAPACITY = 1000  # generations in flight on one machine
RUNNER_SLICE_SECONDS = 300.0  # then the job hands over to a fresh one; shorter than Q_CLUSTER["timeout"]
# Pauses before a submit that Bing did not accept is sent again; there are as many tries as pauses.
SUBMIT_RETRY_SECONDS = (2.0, 5.0, 15.0)
# Unreadable polls in a row after which a generation fails, and the longest pause between polls.
POLL_TRIES, POLL_PROTOCOL_TRIES, POLL_BACKOFF_SECONDS = 8, 3, 30.0
TASK_RETENTION_DAYS = env.whole("TASK_RETENTION_DAYS", 90, least=1, most=36_500)

# --- chat ---
CHAT_FIRST_RECORD_SECONDS = env.seconds("CHAT_FIRST_RECORD_SECONDS", 30)
CHAT_GAP_SECONDS = env.seconds("CHAT_GAP_SECONDS", 60)
CHAT_TURN_SECONDS = env.seconds("CHAT_TURN_SECONDS", 300)
CHAT_HOLD_SECONDS = (
    15.0  # how long a stream's status waits for the first event, since a failure should become the status
)
CHAT_QUIET_SECONDS = 15.0  # silence after which a stream gets an empty chunk, for proxies that close quiet connections
CHAT_STALL_SECONDS = env.seconds("CHAT_STALL_SECONDS", 30)
# Turns of one user at a time, in each process; 0 is no limit.
CHAT_TURNS_PER_USER = env.whole("CHAT_TURNS_PER_USER", 16)
CHAT_INLINE_EXTRAS = env.flag("CHAT_INLINE_EXTRAS")
CHAT_STORE_TEXT = env.flag("CHAT_STORE_TEXT", True)
# The back ends for each style, in order of preference; "*" is for styles that are not named.
CHAT_ROUTES = env.table(
    "CHAT_ROUTES", ("precise", "balanced", "creative", "*"), ("bing", "m365", "copilot"), "precise=m365,bing"
)
# For a history that is too long: leave out its oldest turns, or refuse the request.
CHAT_OVERFLOW = env.choice("CHAT_OVERFLOW", ("drop", "refuse"), "drop")
M365_TONES = env.names("M365_TONES", "Gpt_5_2_Quick,Gpt_5_2_Reasoning")
# The names of the built-in models, repeated because settings know no app. A test compares them with the catalogue.
CHAT_MODELS = (
    *(style + ending for ending in ("", "-offline") for style in ("precise", "balanced", "creative")),
    *("copilot", "copilot-think", "copilot-smart", "copilot-study", "copilot-search"),
    *("m365", "m365-quick", "m365-think"),
)
CHAT_DEFAULT_MODEL = env.choice(
    "CHAT_DEFAULT_MODEL",
    (*CHAT_MODELS, *(f"m365-{tone.lower().replace('_', '-')}" for tone in M365_TONES)),
    "precise",
)
CHAT_TOOLS = env.choice("CHAT_TOOLS", ("ignore", "refuse"), "ignore")
CHAT_RETENTION_DAYS = env.whole("CHAT_RETENTION_DAYS", 30, least=1, most=36_500)

# --- notifications to operators ---
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
# Functions that yield causes of alerts: `find(now) -> causes`.
ALERT_CAUSES = ["accounts.microsoft.services.find_alert_causes", "creator.services.find_alert_causes"]

# --- the queue: decision 2 ---
MACHINE_ID = env.label("MACHINE_ID", socket.gethostname(), most=80)
if env.text("Q_CLUSTER_NAME"):  # django-q2's own variable, which would rename the queue of this machine
    raise SettingError("Q_CLUSTER_NAME must not be set: the queue is named by MACHINE_ID, e.g. MACHINE_ID=worker-1.")
# The longest job is a slice plus its last request. It must be neither cut short nor started twice.
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
    Q_CLUSTER["redis"] = REDIS_URL
    CACHES = {"default": {"BACKEND": "bingproject.database.redis_cache.PatientRedisCache", "LOCATION": REDIS_URL}}
else:
    Q_CLUSTER |= {"orm": "default", "poll": 0.2}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "bingproject_cache"}}
# (question, job): at each tick the watchdog asks the question and sends the job if the answer is yes.
CLUSTER_NUDGES = [
    ("creator.services.needs_runner", "creator.jobs.drive"),
    # A check that was requested on a machine without workers is in no queue.
    ("accounts.microsoft.services.needs_check", "accounts.jobs.check_wanted_accounts"),
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

# capability → the check that proves that it works, without spending anything (accounts' capability_checks).
CAPABILITY_CHECKS = {
    "image": "creator.services.check_images",
    "video": "creator.services.check_videos",
    "chat": "chat.services.check_chat",
    "copilot": "chat.services.check_chat",
    "m365": "chat.services.check_chat",
}
# Reads the number of boosts left from a page of Bing: text → number, None if the page has none.
BOOSTS_READER = "creator.protocol.parse_boosts"
# capability → one real exchange for `manage.py probe`: (account, capability, transcript) → None, or raises.
PROBES = {
    "image": "creator.services.probes.probe_pages",
    "video": "creator.services.probes.probe_pages",
    "chat": "chat.services.probes.probe_chat",
    "copilot": "chat.services.probes.probe_chat",
    "m365": "chat.services.probes.probe_chat",
}
# capability → the same with `--spend`, which makes a picture or video: (account, capability, transcript, seconds).
MAKING_PROBES = {
    "image": "creator.services.probes.probe_generation",
    "video": "creator.services.probes.probe_generation",
}
CHECK_WAIT_SECONDS = 10.0  # how long a page waits for the check that it requested
# Work of accounts besides their leases: (account ids, now) → {(id, capability): count}.
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
STATIC_ROOT = env.path("STATIC_ROOT") or BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
BODY_LIMIT_BYTES = 1024 * 1024
CHAT_BODY_LIMIT_BYTES = 8 * 1024 * 1024  # pictures are part of the body
# Forms of the admin that accept whole files: 32 MiB and the form's other fields. Path → the permission it needs.
LARGE_FORM_PATHS = {
    r"/admin/accounts/account/add/": "accounts.add_account",
    r"/admin/accounts/account/import/preview/": "accounts.add_account",
    r"/admin/accounts/account/\d+/change/": "accounts.change_account",
    r"/admin/accounts/whitelisteduser/import/": "accounts.add_whitelisteduser",
}
# Checks the sender of a larger body of the API; raises an error if the sender has no valid key.
BODY_SENDER_CHECK = "accounts.callers.authentication.check_sender"
UPLOAD_LIMIT_BYTES = 32 * 1024 * 1024
LARGE_FORM_LIMIT_BYTES = UPLOAD_LIMIT_BYTES + 1024 * 1024
# The largest of them; `edge` has the limit of each route. Uploads stay in memory and are never written to a temporary
# file, since they may be cookies.
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = LARGE_FORM_LIMIT_BYTES
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
# Atomic requests must stay off: a request that waits for a worker would wait for its own commit.
ATOMIC_REQUESTS = False

LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
LOG_FORMAT = env.choice("LOG_FORMAT", ("console", "json"), "console")
# Without a value `serve` alone keeps the file: parts that run apart may share a folder, or have none to write into.
IS_LOG_FILE_GIVEN = bool(env.text("LOG_FILE"))
LOG_FILE = env.path_or_none("LOG_FILE", DATA_DIR / "logs" / "server.log", "DATA_DIR/logs/server.log")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "redaction": {"()": "bingproject.security.redaction.RedactionFilter"},
        "refused_lookup": {"()": "bingproject.operators.refused_lookups.RefusedLookupFilter"},
    },
    "formatters": {
        "console": {"()": "bingproject.security.redaction.ConsoleFormatter"},
        "json": {"()": "bingproject.security.redaction.JsonFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "filters": ["redaction"], "formatter": LOG_FORMAT},
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # httpx logs every URL at INFO, and URLs contain prompts.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "django.security.DisallowedModelAdminLookup": {"filters": ["refused_lookup"]},
        "django.security.DisallowedModelAdminToField": {"filters": ["refused_lookup"]},
        # At DEBUG it logs the request of a socket, whose address contains a token.
        "websockets": {"level": "WARNING"},
        "django-q": {"level": "WARNING", "handlers": [], "propagate": True},
        # uvicorn's own command has set these up by now, with a handler that neither masks nor writes JSON.
        # Their levels are left to uvicorn's options; `serve` prints its own text at a start.
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.error": {"handlers": [], "propagate": True},
        # It has no request ids, and switches itself on if a logger above it has a handler: so it does not propagate.
        "uvicorn.access": {"handlers": [], "propagate": False},
    },
}

# What was read above, for `manage.py support_bundle`.
DESCRIBED_SETTINGS = env.described
