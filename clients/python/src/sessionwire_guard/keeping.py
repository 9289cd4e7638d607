"""The server's public keys, kept fresh: fetched at the start, now and then, and when a token names one that is not
there. A failed fetch takes nothing away. It may not know what tokens say.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from . import strict
from .core import Core
from .keys import KeySet
from .patience import within
from .server import Server, Unanswered

# Between two fetches where nobody asks for one, and after a failure, in seconds.
_FRESH: Final = 300.0
_AGAIN: Final = 1.0
# Between two fetches that tokens ask for: invented keys must not become requests.
_APART: Final = 5.0
# How long a token waits for its key, and how many may wait.
_PATIENCE: Final = 2.0
_WAITING_MAX: Final = 50

_log: Final = logging.getLogger("sessionwire_guard")


class KeyKeeper:
    """Fetches the keys, one request at a time."""

    def __init__(self, core: Core, server: Server, fetched: Callable[[], None]) -> None:
        self._core = core
        self._server = server
        self._fetched = fetched
        self._flight: asyncio.Task[bool] | None = None
        self._tried_at: float | None = None
        self._is_well = True
        self._waiting = 0

    async def run(self) -> None:
        """Keeps them fresh for ever."""
        try:
            while True:
                is_done = await self._fetch()
                await asyncio.sleep(_FRESH if is_done else _AGAIN)
        finally:
            if self._flight is not None:
                self._flight.cancel()
                await asyncio.wait((self._flight,))

    async def for_unknown(self) -> bool:
        """A token names an unknown key: fetches the keys unless they were just now. Answers whether those that are
        there now can be believed to be all."""
        if self._flight is None and self._tried_at is not None and not self._core.keys_outdated:
            age = asyncio.get_running_loop().time() - self._tried_at
            if age < _APART:
                return self._is_well
        if self._waiting >= _WAITING_MAX:
            return False
        self._waiting += 1
        try:
            return await within(self._fetch(), _PATIENCE)
        except asyncio.TimeoutError:
            return False
        finally:
            self._waiting -= 1

    async def _fetch(self) -> bool:
        if self._flight is None:
            self._flight = asyncio.ensure_future(self._fetch_now())
            self._flight.add_done_callback(self._landed)
        flight = self._flight
        # Not awaited itself: who is tired of waiting must not take the answer from the others, and that the guard was
        # closed is nothing that cancels whoever waits.
        await asyncio.wait((flight,))
        return not flight.cancelled() and flight.result()

    def _landed(self, _: "asyncio.Task[bool]") -> None:
        self._flight = None

    async def _fetch_now(self) -> bool:
        settings = self._core.settings
        self._core.keys_outdated = False
        try:
            published = await self._server.keys()
            keys = KeySet.read(settings.issuer, settings.audience, published)
        except (Unanswered, strict.Unreadable) as error:
            if self._is_well:
                _log.warning("the keys could not be fetched: %s", error)
            self._is_well = False
        else:
            self._is_well = True
            self._core.set_keys(keys)
            self._fetched()
        self._tried_at = asyncio.get_running_loop().time()
        self._core.count("key_fetches", "done" if self._is_well else "failed")
        return self._is_well
