"""Settings that are the same everywhere: how the libraries are used. What differs by machine is read in settings.py."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

VERSION = "0.1.0"

# --- Django ---
ROOT_URLCONF = "bingproject.urls"
ASGI_APPLICATION = "bingproject.asgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["bingproject.conf.formats"]
STATIC_URL = "/static/"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the theme, some of whose templates are overridden.
        "DIRS": [Path(__file__).resolve().parents[1] / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- log-ins ---
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# Five wrong passwords for one name from one address lock that pair for a quarter of an hour. Not the name alone, or
# anybody could lock an operator out.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "bingproject.security.lockout.address_of"
AXES_USERNAME_CALLABLE = "bingproject.security.lockout.name_of"
AXES_LOCKOUT_CALLABLE = "bingproject.security.lockout.locked_page"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "code", "next"]
AXES_ENABLE_ADMIN = False  # its pages lack the theme; bingproject.operators.user_admin has others
AXES_VERBOSE = False

# --- the API and its description ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.callers.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.callers.permissions.IsCaller", "accounts.callers.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.callers.throttling.KeyRateThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser", "rest_framework.parsers.FormParser"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "EXCEPTION_HANDLER": "bingproject.api.viewsets.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "bingproject",
    "VERSION": VERSION,
    "DESCRIPTION": (
        "Images, videos and chat by Microsoft accounts that the operator owns.\n\n"
        "*Try it out* and *Execute* send a real request: a picture counts against an account. Where the server asks "
        "for keys, put yours into *Authorize* first.\n\n"
        'Every error answer has the same form, `{"error": {"message", "type", "param", "code"}}`; '
        "each route lists its codes by status."
    ),
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # JavaScript, since JSON has no functions; those of documentation.js are called after the page's own.
    "SWAGGER_UI_SETTINGS": (
        "{defaultModelsExpandDepth: 0, displayRequestDuration: true, "
        "requestInterceptor: (request) => fillInConversation(requestInterceptor(request)), "
        "responseInterceptor: (response) => rememberConversation(responseInterceptor(response))}"
    ),
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "bingproject.api.openapi.add_answers",
    ],
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

# Indexes of words that operators search by (bingproject/database/word_search.py).
WORD_INDEXES = ["creator.services.search.TASK_WORDS", "chat.services.search.TURN_WORDS"]

# --- operators' pages ---
# The page of an alert: a pattern of its cause, a page of the admin that gets the pattern's group, a query.
ALERT_PAGES = [
    (r"account (\d+) ", "accounts_account_change", ""),
    (r"no account for ", "accounts_account_changelist", ""),
    (r"queue of ", "creator_task_changelist", "state__exact=queued"),
]
UNFOLD = {
    "SITE_TITLE": "bingproject",
    "SITE_HEADER": "bingproject",
    "SITE_SYMBOL": "imagesmode",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "bingproject.operators.admin.icon_address"}],
    "SHOW_HISTORY": True,
    "STYLES": ["bingproject.operators.admin.style_address"],
    "SCRIPTS": ["bingproject.operators.admin.script_address"],
    "SIDEBAR": {"navigation": "bingproject.operators.admin.navigation"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": "bingproject.operators.second_factor_views.password_address"},
            {"title": "Second factor", "link": "bingproject.operators.second_factor_views.second_factor_address"},
        ]
    },
    "DASHBOARD_CALLBACK": "bingproject.operators.dashboard.fill",
}
# Functions with cards for the dashboard, in order: `provide(now) -> [Card, …]`.
DASHBOARD_CARDS = [
    "accounts.admin.cards.attention_cards",
    "accounts.admin.cards.boost_cards",
    "creator.admin.cards.queue_cards",
    "creator.admin.cards.work_cards",
    "chat.admin.cards.work_cards",
    # Two columns and one: the rows of the wide screen.
    "creator.admin.cards.latest_cards",
    "bingproject.operators.dashboard.machine_cards",
    "creator.admin.cards.failure_cards",
    "creator.admin.cards.caller_cards",
    "chat.admin.cards.failure_cards",
    "chat.admin.cards.caller_cards",
]
# Pages with the requests of one user: title, page, permission. Each takes the id as `user`.
USER_PAGES = [
    ("Pictures and videos", "admin:creator_task_changelist", "creator.view_task"),
    ("Chats", "admin:chat_conversation_changelist", "chat.view_conversation"),
]
# Functions that correct moments written while the clock was ahead: `repair(now) -> row count`.
CLOCK_REPAIRS = [
    "bingproject.cluster.clock_correction.pull_back",
    "accounts.microsoft.services.clock_correction.pull_back",
    "creator.services.clock_correction.pull_back",
    "chat.services.clock_correction.pull_back",
]
# For the admin only; API paths have none (bingproject.edge.application).
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last, because it replaces the response with its page.
    "axes.middleware.AxesMiddleware",
]
# Pages that hash a password, half a second of CPU each (bingproject.edge.login_limit).
PASSWORD_PATHS = [
    r"/admin/login/",
    r"/admin/password_change/",
    r"/admin/auth/user/add/",
    r"/admin/auth/user/\d+/password/",
]
