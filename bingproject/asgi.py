"""The ASGI way in: `uvicorn bingproject.asgi:application`. A wrong setting is one line, not a stack."""

from __future__ import annotations

import os
import sys

import django

from bingproject.conf.environment import SettingError
from bingproject.server.log_keeping import keep_given_log

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bingproject.settings")
try:
    django.setup(set_prefix=False)
    keep_given_log()
except SettingError as error:
    sys.exit(f"bingproject cannot start: {error}")

# Only now: these read settings when they are imported.
from bingproject.cluster.process_registry import Registration
from bingproject.edge.application import EdgeApplication
from bingproject.models import LiveProcess

_registration = Registration(LiveProcess.WEB)
application = EdgeApplication(start=_registration.begin, registration=_registration)
