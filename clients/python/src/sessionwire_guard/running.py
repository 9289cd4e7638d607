"""A guard at work: the tasks that keep a core's knowledge fresh, in one event loop, and the two questions of a check
that take a request. It may not know whose loop it is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from .asking import Questions
from .claims import Claims
from .core import Ask, AskForeign, Core
from .following import Follower
from .keeping import KeyKeeper
from .reports import Acknowledgements, LateUses
from .server import Server
from .settings import Behind

# Questions about single tokens at once. More are not asked: a server in trouble needs no crowd.
_QUESTIONS_MAX: Final = 50
# How often uses, and how often everything, is looked through for what is over, in seconds and in turns.
_SWEEP: Final = 5.0
_EVERYTHING: Final = 6
# Before a task that failed where nobody thought it could begins again, in seconds.
_AGAIN: Final = 1.0

_log: Final = logging.getLogger("sessionwire_guard")


class Running:
    """The tasks of a guard. Made inside the event loop that runs them."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.ready = asyncio.Event()
        self._asking = 0
        self._http = core.settings.http()
        self._server = Server(core.settings, self._http)
        self._keys = KeyKeeper(core, self._server, self._look)
        self._questions = Questions(core, self._server)

    async def run(self) -> None:
        """Works until it is cancelled, and leaves nothing behind."""
        acknowledgements = Acknowledgements(self._server)
        late_uses = LateUses(self.core, self._server)
        follower = Follower(self.core, self._server, acknowledgements, late_uses, self._look)
        works = (follower.run, self._keys.run, acknowledgements.run, late_uses.run, self._sweep)
        tasks = [asyncio.ensure_future(_for_ever(work)) for work in works]
        try:
            # Not `gather`, which cancels: a task that is cancelled twice has no time to clean up.
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._questions.close()
            await self._http.aclose()

    async def settle(
        self, said: Ask | AskForeign | None, token: str | None, requires: str | None, behind: Behind | None, what: str
    ) -> Claims:
        """The verdict on a token where a look was not enough. Raises `GuardError`."""
        found: Claims | Ask | AskForeign | None = said
        has_all = False
        if found is None:
            has_all = await self._keys.for_unknown()
            found = self.core.look(token, requires, behind, what)
        if found is None or token is None:
            raise self.core.refusal("token_invalid" if has_all else "cannot_decide")
        if isinstance(found, AskForeign):
            return await self._questions.settle(token, requires, behind, what)
        if isinstance(found, Ask):
            active = await self._is_active(token)
            return self.core.answered(found.claims, active=active, requires=requires)
        return found

    async def _is_active(self, token: str) -> bool | None:
        if self._asking >= _QUESTIONS_MAX:
            return None
        self._asking += 1
        try:
            return await self._server.is_active(token)
        finally:
            self._asking -= 1

    def _look(self) -> None:
        if not self.ready.is_set() and self.core.can_decide:
            self.ready.set()

    async def _sweep(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(_SWEEP)
            turn += 1
            for _ in self.core.sweep(everything=turn % _EVERYTHING == 0):
                await asyncio.sleep(0)


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """A fault of ours in one task must not silence the others; the guard falls behind and says so."""
    while True:
        try:
            await work()
        except Exception:
            _log.exception("a task of the guard failed and begins again")
        await asyncio.sleep(_AGAIN)
