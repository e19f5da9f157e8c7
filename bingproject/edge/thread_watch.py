"""End a web process whose lanes all hang, so that the supervisor starts it again; `/healthz` reports it before.

An outage of the database does not make lanes hang: each statement ends with an error after its time-out, and a restart
would not help. What remains are bugs, and calls without a time-out such as a file system that is gone.
"""

from __future__ import annotations

import asyncio
import logging
import os

from bingproject.edge.thread_pool import Lanes

STUCK_SECONDS = 60.0
END_SECONDS = 90.0  # later than STUCK_SECONDS, so that health checks see it first
LOOK_SECONDS = 5.0
HUNG = 4  # exit code, the same as a hung cluster's: the supervisor starts the process again
logger = logging.getLogger(__name__)


def is_stuck(lanes: Lanes) -> bool:
    """True if no shared lane has finished a call for `STUCK_SECONDS`."""
    return lanes.stuck_seconds >= STUCK_SECONDS


async def end_when_stuck(lanes: Lanes) -> None:
    """Check without end; end this process once its lanes hang."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if lanes.stuck_seconds >= END_SECONDS:
            logger.critical(
                "No request came to its end for %.0f s; this process ends to be started again.", END_SECONDS
            )
            os._exit(HUNG)
