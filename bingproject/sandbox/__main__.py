"""`python -m bingproject.sandbox`: the sandbox without Django."""

from __future__ import annotations

import argparse
import contextlib

from bingproject.sandbox.options import add_arguments, options_from
from bingproject.sandbox.server import run


def main() -> None:
    """Read the command line and serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m bingproject.sandbox", description="A stand-in for Bing's servers.")
    add_arguments(parser)
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        run(options_from(arguments), arguments.host, arguments.port)


if __name__ == "__main__":
    main()
