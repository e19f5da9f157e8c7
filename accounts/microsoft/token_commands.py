"""Run token commands: the operator's programs that print an access token, named in TOKEN_COMMANDS.

Their output appears in no log and no error message.
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
# How long to wait for a killed program's pipe: a child in another process group may keep it open.
EXIT_SECONDS = 5.0
# The rest of this server's environment has secrets and is not passed on.
PASSED_ON = ("PATH", "HOME")


async def run_program(argv: Sequence[str], *, seconds: float = PROGRAM_SECONDS) -> str:
    """Run a program without a shell and return its output, stripped.

    The program's process group is killed at the end, and earlier if it takes too long or prints too much.

    Raises:
        CookieExpiredError: The program failed. The message gives the reason and no part of the output.
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
            start_new_session=True,  # a process group of its own, so that its children can be killed with it
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
        # Kill the group even if the program has ended: its children may still run. This also runs on cancellation,
        # when the server stops.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_wait_for_exit(process), EXIT_SECONDS)
    if len(output) > OUTPUT_LIMIT_BYTES:
        raise CookieExpiredError(f"The token command printed more than {OUTPUT_LIMIT_BYTES // 1024} KiB.")
    if process.returncode:
        raise CookieExpiredError(f"The token command ended with status {process.returncode}.")
    return output.decode("utf-8", "replace").strip()


async def _wait_for_exit(process: asyncio.subprocess.Process) -> None:
    """Wait until the process has exited; drain its output, because asyncio never sees the end of a full pipe."""
    while process.stdout is not None and await process.stdout.read(OUTPUT_LIMIT_BYTES):
        continue
    await process.wait()


async def _read(process: asyncio.subprocess.Process) -> bytes:
    """Read the output up to one byte beyond the limit; wait for the program's exit if it stays within the limit."""
    output = b""
    while process.stdout is not None and len(output) <= OUTPUT_LIMIT_BYTES:
        piece = await process.stdout.read(OUTPUT_LIMIT_BYTES + 1 - len(output))
        if not piece:
            await process.wait()
            break
        output += piece
    return output
