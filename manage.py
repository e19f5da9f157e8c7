#!/usr/bin/env python3
"""Django's command line; a wrong setting is one line, not a stack."""

import os
import sys

from django.core.management import execute_from_command_line

from bingproject.environment import SettingError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bingproject.settings")
    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        sys.exit(f"bingproject cannot start: {error}")
