"""The guard that works in the event loop that awaits it: for ASGI. It may not know any web framework."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType

from .base import BaseGuard
from .claims import Claims
from .patience import within
from .running import Running
from .settings import Behind


class AsyncGuard(BaseGuard):
    """A guard in an event loop. `check_now` may be called from any thread, everything else from the loop's."""

    def _prepare(self) -> None:
        self._running: Running | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to follow the feed, unless it does already."""
        # The tasks of a loop that is no more are done.
        if self._task is None or self._task.done():
            self.is_closed = False
            self._running = Running(self.core)
            self._task = asyncio.ensure_future(self._running.run())

    async def wait_ready(self, timeout: float | None = None) -> bool:
        """Waits until the guard can decide; says whether it can. Starts it if nobody has."""
        await self.start()
        if self._running is None:
            return False
        try:
            return await within(self._running.ready.wait(), timeout)
        except asyncio.TimeoutError:
            return False

    async def close(self) -> None:
        """Ends the tasks. From then on the guard falls behind, and does what it was told to do then."""
        self.is_closed = True
        task, self._task = self._task, None
        self._running = None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def __aenter__(self) -> "AsyncGuard":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncIterator[None]:
        """A lifespan for FastAPI and Starlette: the guard works while the application does."""
        async with self:
            await self.wait_ready(self.settings.ready_timeout)
            yield

    async def check(
        self, token: str | None, *, requires: str | None = None, behind: Behind | None = None, what: str = ""
    ) -> Claims:
        """The claims of a good token. In memory, but for three cases: a token that names an unknown key waits for
        the keys to be fetched, past the lag `introspect` asks the server, and so does a token of another issuer that
        was not seen before, or whose rights have changed.

        `what` says what the token is used for (`GET /reports`), for reports of late use. Raises `GuardError`.
        """
        if (self._task is None or self._task.done()) and not self.is_closed:
            await self.wait_ready(self.settings.ready_timeout)
        core = self.core
        said = core.look(token, requires, behind, what)
        if isinstance(said, Claims):
            return said
        running = self._running
        if running is None:
            raise core.refusal("cannot_decide")
        return await running.settle(said, token, requires, behind, what)

    acheck = check
