"""Settings that are the same everywhere: how the libraries are used. What differs by machine is read in settings.py."""

from __future__ import annotations

from datetime import timedelta

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
FORMAT_MODULE_PATH = ["bingproject.formats"]
STATIC_URL = "/static/"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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
# Five wrong passwords for one name from one address: a quarter of an hour's rest for the two together, so that nobody
# can keep an operator out from elsewhere.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "bingproject.lockout.address_of"
AXES_LOCKOUT_CALLABLE = "bingproject.lockout.locked_page"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "code", "next"]
AXES_ENABLE_ADMIN = False  # its pages are not the theme's; ours are in bingproject.operator_pages
AXES_VERBOSE = False

# --- the API and its description ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.IsCaller", "accounts.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttling.KeyRateThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser", "rest_framework.parsers.FormParser"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "EXCEPTION_HANDLER": "bingproject.api.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "bingproject",
    "VERSION": VERSION,
    "DESCRIPTION": "Images, videos and chat by Microsoft accounts that the operator owns.",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

# --- operators' pages ---
UNFOLD = {
    "SITE_TITLE": "bingproject",
    "SITE_HEADER": "bingproject",
    "SITE_SYMBOL": "imagesmode",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "bingproject.admin.icon_address"}],
    "SHOW_HISTORY": True,
    "STYLES": ["bingproject.admin.style_address"],
    "SIDEBAR": {"navigation": "bingproject.admin.navigation"},
    "ACCOUNT": {
        "navigation": [{"title": "Second factor", "link": "bingproject.second_factor_pages.second_factor_address"}]
    },
    "DASHBOARD_CALLBACK": "bingproject.dashboard.fill",
}
# Who offers cards to the admin's first page, in their order there: `provide(now) -> [Card, …]`.
DASHBOARD_CARDS = [
    "accounts.admin.cards.attention_cards",
    "creator.admin.cards.queue_cards",
    "creator.admin.cards.work_cards",
    "chat.admin.cards.work_cards",
    "creator.admin.cards.failure_cards",
    "creator.admin.cards.holder_cards",
    "chat.admin.cards.failure_cards",
    "chat.admin.cards.holder_cards",
    "bingproject.dashboard.machine_cards",
]
