#!/usr/bin/env python3
"""Django's command line; a wrong setting is one line, not a stack."""

import os
import signal
import sys

# Until a command runs, Ctrl-C ends the process at once: a KeyboardInterrupt in the middle of an import is a long stack.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
# The Makefile holds it back during the interpreter's start: what was pressed then ends the process here.
if signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

from bingproject.server.command_line import main

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bingproject.settings")
    main(sys.argv)
