"""Token commands: programs of the operator's that print an access token. Which there are, the environment alone says.

What one prints is never logged, and what goes wrong is told without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

from bingproject.errors import CookieExpiredError

PROGRAM_SECONDS = 30.0
OUTPUT_LIMIT_BYTES = 64 * 1024
# A child of another process group may still hold the pipe of a program that has been killed.
LEAVE_SECONDS = 5.0
# Nothing else of this server's environment, where secrets are, is a program's business.
PASSED_ON = ("PATH", "HOME")


async def run_program(argv: Sequence[str], *, seconds: float = PROGRAM_SECONDS) -> str:
    """What a program prints, without a shell; it and all it started are killed when that takes too long or is too much.

    Raises: CookieExpiredError whose message says what went wrong and repeats nothing of the output.
    """
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,  # a process group of its own, which can be ended as a whole
        )
    except OSError as error:
        raise CookieExpiredError(
            f"The token command cannot be run: {error.strerror or type(error).__name__}."
        ) from error
    try:
        output = await asyncio.wait_for(_read(process), seconds)
    except TimeoutError as error:
        raise CookieExpiredError(f"The token command took more than {seconds:g} s.") from error
    finally:
        # Also what it left behind. Whoever waits is cancelled when the server stops: nothing may go on then.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_see_off(process), LEAVE_SECONDS)
    if len(output) > OUTPUT_LIMIT_BYTES:
        raise CookieExpiredError(f"The token command printed more than {OUTPUT_LIMIT_BYTES // 1024} KiB.")
    if process.returncode:
        raise CookieExpiredError(f"The token command ended with status {process.returncode}.")
    return output.decode("utf-8", "replace").strip()


async def _see_off(process: asyncio.subprocess.Process) -> None:
    """Wait for its end. What it printed beyond the limit is dropped: the end of a pipe that is full is never seen."""
    while process.stdout is not None and await process.stdout.read(OUTPUT_LIMIT_BYTES):
        continue
    await process.wait()


async def _read(process: asyncio.subprocess.Process) -> bytes:
    """Its output, at most one byte more than it may print; then it has ended, unless it printed too much."""
    output = b""
    while process.stdout is not None and len(output) <= OUTPUT_LIMIT_BYTES:
        piece = await process.stdout.read(OUTPUT_LIMIT_BYTES + 1 - len(output))
        if not piece:
            await process.wait()
            break
        output += piece
    return output
