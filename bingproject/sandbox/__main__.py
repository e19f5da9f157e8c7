"""`python -m bingproject.sandbox`: the sandbox without Django."""

from __future__ import annotations

import argparse
import sys

from bingproject.sandbox.core.options import add_arguments, options_from
from bingproject.sandbox.providers import DEFAULTS, PROVIDER_OPTIONS
from bingproject.sandbox.server import run


def main() -> None:
    """Read the command line and serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m bingproject.sandbox", description="A stand-in for Bing's servers.")
    add_arguments(parser, PROVIDER_OPTIONS)
    arguments = parser.parse_args()
    try:
        run(options_from(arguments, DEFAULTS), arguments.host, arguments.port, _say)
    except OSError as error:
        sys.exit(f"sandbox: port {arguments.port}: {error.strerror}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
