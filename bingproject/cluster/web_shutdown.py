"""Stop a web process cleanly: answer waiting callers at once, give chats a moment, then close the server.

On SIGTERM uvicorn closes its port and tells the application only when every request has ended. So the handler here
comes first and passes the signal on to uvicorn `GRACE_SECONDS` later. Until then new requests get an answer instead of
a reset connection.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, TypeVar

from bingproject.errors import StoppingError

T = TypeVar("T")
Listener = Callable[[], None]

GRACE_SECONDS = 1.0  # for a chat that is nearly done; `serve` allows 4.3 s in all
SETTLE_SECONDS = 0.5  # for cancelled work to record its state
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Shutdown:
    """The state of this process's stop. Used on the event loop only."""

    def __init__(self) -> None:
        self._is_begun = False
        self._is_over = False
        self._listeners: list[Listener] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sleeping: set[asyncio.Future[None]] = set()

    @property
    def is_begun(self) -> bool:
        """True as soon as the process was asked to stop."""
        return self._is_begun

    def check(self) -> None:
        """Raise StoppingError if the process was asked to stop."""
        if self._is_begun:
            raise StoppingError

    def on_begin(self, listener: Listener) -> None:
        """Call the listener when a stop begins. It is never removed."""
        self._listeners.append(listener)

    def track(self, task: asyncio.Task[Any]) -> None:
        """Cancel this task when the grace is over, and let it end before the process does."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._is_over:
            task.cancel()

    async def within_grace(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work; a stop interrupts it when its grace is over.

        Raises:
            StoppingError: The grace was over. Everything that the work raises passes through.
        """
        task = asyncio.ensure_future(work)
        self.track(task)
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not self._is_over or (caller is not None and caller.cancelling()):
                raise  # the caller has left
            raise StoppingError from None

    async def sleep(self, seconds: float) -> None:
        """Sleep; raise StoppingError as soon as a stop begins."""
        self.check()
        waking = asyncio.get_running_loop().create_future()
        self._sleeping.add(waking)
        try:
            await asyncio.wait({waking}, timeout=seconds)
        finally:
            self._sleeping.discard(waking)
        self.check()

    def begin(self, hand_on: Callable[[], object]) -> None:
        """Call the listeners now; after the grace, or when called again, cancel tracked work and call `hand_on`."""
        if self._is_begun:
            self._finish(hand_on)
            return
        self._is_begun = True
        for listener in self._listeners:
            listener()
        for waking in self._sleeping:
            waking.set_result(None)
        asyncio.get_running_loop().call_later(GRACE_SECONDS, self._finish, hand_on)

    def _finish(self, hand_on: Callable[[], object]) -> None:
        self._is_over = True
        for task in list(self._tasks):
            task.cancel()
        hand_on()

    async def settle(self) -> None:
        """Cancel the tracked tasks and wait for them."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SETTLE_SECONDS)

    def reset(self) -> None:
        """Reset the state when a server starts in this process."""
        self._is_begun = self._is_over = False

    @contextmanager
    def hearing_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT in place of the server that runs this loop, whose handlers are called later."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread receives signals: this server is stopped by other means
            return
        loop = asyncio.get_running_loop()
        handlers = ((int(number), signal.getsignal(number)) for number in _SIGNALS)
        servers = {number: handler for number, handler in handlers if callable(handler)}

        def hear(number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.begin, partial(servers[number], number, None))

        for number in servers:
            signal.signal(number, hear)
        try:
            yield
        finally:
            for number, handler in servers.items():
                signal.signal(number, handler)


shutdown = Shutdown()
