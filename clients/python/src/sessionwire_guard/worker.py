"""The thread of a guard, and the event loop that runs in it. It may not know who waits for it."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from .core import Core
from .running import Running

# How long the end of the thread is waited for, in seconds.
_PATIENCE: Final = 5.0
T = TypeVar("T")


class Worker:
    """Runs from when it is made until `end`."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._running: Running | None = None
        self._error: BaseException | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._main, name="sessionwire-guard", daemon=True)
        self._thread.start()
        self._begun.wait()
        if self._error is not None:
            self._thread.join(_PATIENCE)
            raise self._error

    @property
    def running(self) -> Running:
        """What runs in the thread."""
        assert self._running is not None  # noqa: S101
        return self._running

    def call(self, work: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T] | None":
        """Has the loop do this work; `None` where it has ended."""
        loop = self._loop
        try:
            assert loop is not None  # noqa: S101
            return asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError:
            work.close()
            return None

    def wait(self, work: Coroutine[Any, Any, T], timeout: float | None) -> T | None:
        """What comes of this work; `None` where it takes too long or the loop ends."""
        future = self.call(work)
        if future is None:
            return None
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            future.cancel()
        except concurrent.futures.CancelledError:
            pass
        return None

    def end(self) -> None:
        """Ends the thread and waits for that."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                # It has just been closed.
                return
        if threading.current_thread() is not self._thread:
            self._thread.join(_PATIENCE)

    def _main(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as error:
            if self._begun.is_set():
                raise
            # There is not even a loop; whoever starts the guard has to hear it.
            self._error = error
        finally:
            self._begun.set()

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            self._running = Running(self._core)
        except Exception as error:
            self._error = error
            return
        finally:
            self._task = asyncio.current_task()
            self._begun.set()
        try:
            await self._running.run()
        except asyncio.CancelledError:
            # That is how it ends.
            return
