"""The guard that works in a thread of its own: for WSGI, and for everything else that has no event loop. It may not
know any web framework.

It starts by itself with the first check. Threads don't survive a fork, so in the child of one it begins anew, with an
empty index, at the first check there.
"""

import asyncio
import os
import threading
import weakref
from types import TracebackType
from typing import Any, Final

from .base import BaseGuard
from .claims import Claims
from .patience import within
from .settings import Behind
from .worker import Worker

# How long a check waits for what the guard has to ask the server, in seconds.
_PATIENCE: Final = 5.0
_GUARDS: "Final[weakref.WeakSet[Guard]]" = weakref.WeakSet()
# What a forked process has of its parent's threads.
_LEFT_BEHIND: Final[list[object]] = []


class Guard(BaseGuard):
    """A guard with a thread of its own. Any thread may use it."""

    def _prepare(self) -> None:
        self._starting = threading.Lock()
        self._worker: Worker | None = None
        self._ending: weakref.finalize[..., Any] | None = None
        _GUARDS.add(self)

    def start(self) -> None:
        """Begins to follow the feed, unless it does already."""
        with self._starting:
            if self._worker is None:
                self.is_closed = False
                worker = Worker(self.core)
                # The thread knows nothing of this object, so that who forgets it ends it.
                self._ending = weakref.finalize(self, worker.end)
                self._worker = worker

    def wait_ready(self, timeout: float | None = None) -> bool:
        """Waits until the guard can decide; says whether it can. Starts it if nobody has."""
        self.start()
        worker = self._worker
        return worker is not None and bool(worker.wait(worker.running.ready.wait(), timeout))

    def close(self) -> None:
        """Ends the thread. From then on the guard falls behind, and does what it was told to do then."""
        with self._starting:
            self.is_closed = True
            worker, self._worker = self._worker, None
            if self._ending is not None:
                self._ending.detach()
        if worker is not None:
            worker.end()

    def __enter__(self) -> "Guard":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check(
        self, token: str | None, *, requires: str | None = None, behind: Behind | None = None, what: str = ""
    ) -> Claims:
        """The claims of a good token. In memory, but for three cases: a token that names an unknown key waits for
        the keys to be fetched, past the lag `introspect` asks the server, and so does a token of another issuer that
        was not seen before, or whose rights have changed.

        `what` says what the token is used for (`GET /reports`), for reports of late use. Raises `GuardError`.
        """
        if self._worker is None:
            self._begin()
        core = self.core
        said = core.look(token, requires, behind, what)
        if isinstance(said, Claims):
            return said
        worker = self._worker
        claims = None
        if worker is not None:
            claims = worker.wait(worker.running.settle(said, token, requires, behind, what), _PATIENCE)
        if claims is None:
            raise core.refusal("cannot_decide")
        return claims

    async def acheck(
        self, token: str | None, *, requires: str | None = None, behind: Behind | None = None, what: str = ""
    ) -> Claims:
        """As `check`, for code that runs in an event loop and must not hold it up."""
        if self._worker is None:
            await asyncio.get_running_loop().run_in_executor(None, self._begin)
        core = self.core
        said = core.look(token, requires, behind, what)
        if isinstance(said, Claims):
            return said
        worker = self._worker
        settling = None
        if worker is not None:
            settling = worker.call(worker.running.settle(said, token, requires, behind, what))
        if settling is None:
            raise core.refusal("cannot_decide")
        try:
            return await within(asyncio.wrap_future(settling), _PATIENCE)
        except asyncio.TimeoutError:
            raise core.refusal("cannot_decide") from None

    def _begin(self) -> None:
        if not self.is_closed:
            self.wait_ready(self.settings.ready_timeout)

    def after_fork(self) -> None:
        """In the child of a fork: the thread is gone, and a lock that it held would be held for ever."""
        if self._ending is not None:
            self._ending.detach()
            self._ending = None
        # What belongs to the parent's thread is not touched, not even to free it: its sockets are the parent's.
        _LEFT_BEHIND.append((self.core, self._worker))
        self.core = self.fresh_core()
        self._starting = threading.Lock()
        self._worker = None


def _after_fork() -> None:
    for guard in list(_GUARDS):
        guard.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
