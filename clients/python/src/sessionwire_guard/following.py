"""Follows the feed: connects, takes messages in, and comes back to where it was. It may not know what changes mean,
nor how they are acknowledged.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final, Literal

import httpx

from .core import Core
from .feed import FeedFault, Hello, Problem, read_message
from .reports import Acknowledgements, LateUses
from .server import PATIENCE, Server
from .sse import Events, TooLong

# The first and the longest wait before coming back, in seconds.
_BACKOFF_MIN: Final = 0.05
_BACKOFF_MAX: Final = 2.0
# Before coming back after the key was refused: that takes a person.
_REFUSED: Final = 30.0
# A connection that held so long was a good one.
_GOOD: Final = 1.0
# A connection that is silent for so many heartbeats is none.
_SILENT_BEATS: Final = 3
# The fastest and the slowest heartbeat that is believed.
_BEAT_MIN: Final = 0.5
_BEAT_MAX: Final = 60.0

_log: Final = logging.getLogger("sessionwire_guard")


class Cut(Exception):
    """Why a connection ended."""

    def __init__(self, why: str, kind: Literal["refused", "clean", "failed"] = "failed") -> None:
        super().__init__(why)
        self.kind = kind


class Follower:
    """The reader of the feed."""

    def __init__(
        self,
        core: Core,
        server: Server,
        acknowledgements: Acknowledgements,
        late_uses: LateUses,
        heard: Callable[[], None],
    ) -> None:
        self._core = core
        self._server = server
        self._acknowledgements = acknowledgements
        self._late_uses = late_uses
        self._heard = heard
        self._failures = 0
        self._is_well = False
        self._has_told = False

    async def run(self) -> None:
        """Follows for ever."""
        loop = asyncio.get_running_loop()
        while True:
            connection = _Connection(self._core, self._server, self)
            begun_at = loop.time()
            try:
                await connection.run()
            except Cut as cut:
                lasted = connection.in_sync and loop.time() - begun_at >= _GOOD
                self._failures = 0 if lasted else self._failures + 1
                self._core.count("feed_reconnects")
                self._tell(cut)
                wait = self._wait(cut)
            finally:
                self._acknowledgements.follow(None)
                self._late_uses.follow(None)
            await asyncio.sleep(wait)

    def heard(self, connection: "_Connection") -> None:
        """A message was taken in."""
        if connection.in_sync:
            if not self._is_well:
                _log.info("the feed is followed, and everything up to it is known")
            self._is_well = True
        self._heard()

    def greeted(self, hello: Hello) -> None:
        """The server named this reader."""
        self._late_uses.follow(hello.reader)
        self._acknowledgements.follow(hello.reader)

    def applied(self, position: int) -> None:
        """Everything up to a position is applied."""
        self._acknowledgements.applied(position)

    @property
    def late_uses(self) -> LateUses:
        """Where late uses go."""
        return self._late_uses

    def _tell(self, cut: Cut) -> None:
        if cut.kind == "refused":
            _log.error("the feed stays cut until the API key is put right: %s", cut)
        elif self._is_well or not self._has_told:
            _log.warning("the feed is cut: %s", cut)
        else:
            _log.debug("the feed is still cut: %s", cut)
        self._is_well = False
        self._has_told = True

    def _wait(self, cut: Cut) -> float:
        """How long to stay away: full jitter, so that a thousand guards don't come back at once."""
        if cut.kind == "refused":
            return _REFUSED
        if cut.kind == "clean" and self._failures == 0:
            return 0.0
        ceiling = min(_BACKOFF_MAX, _BACKOFF_MIN * 2 ** min(self._failures, 10))
        return random.uniform(0, ceiling)  # noqa: S311


class _Connection:
    """One request for the feed."""

    def __init__(self, core: Core, server: Server, follower: Follower) -> None:
        self._core = core
        self._server = server
        self._follower = follower
        self._silence = PATIENCE
        self._heard_at = 0.0
        self.in_sync = False

    async def run(self) -> None:
        """Connects and goes on until something ends it. Raises `Cut`, always."""
        after = self._core.begin_anew()
        try:
            async with self._server.feed(after) as response:
                _check(response)
                await self._read(response)
        except asyncio.TimeoutError as error:
            raise Cut("the server did not answer in time") from error
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise Cut(f"the server can't be reached: {type(error).__name__}") from error
        except FeedFault as fault:
            raise Cut(str(fault)) from fault
        except TooLong as error:
            raise Cut("a message of the feed does not end") from error
        raise Cut("the server ended it", "clean")

    async def _read(self, response: httpx.Response) -> None:
        """Reads until the end, or until it has been silent for too long. A byte now and then is silence too, so
        the time since the last message is what counts."""
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()
        reading = asyncio.ensure_future(self._take_all(response))
        try:
            while not reading.done():
                patience = self._heard_at + self._silence - loop.time()
                if patience <= 0:
                    raise Cut("the server fell silent")
                await asyncio.wait((reading,), timeout=patience)
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _take_all(self, response: httpx.Response) -> None:
        events = Events()
        loop = asyncio.get_running_loop()
        async for piece in response.aiter_raw():
            for name, data in events.feed(piece):
                self._take(name, data)
                self._heard_at = loop.time()

    def _take(self, name: str, data: bytes) -> None:
        message = read_message(name, data)
        applied = self._core.take(message)
        if isinstance(message, Problem):
            raise Cut(f"the server said {message.code}")
        if isinstance(message, Hello):
            beat = min(max(message.heartbeat_ms / 1000, _BEAT_MIN), _BEAT_MAX)
            self._silence = beat * _SILENT_BEATS
            self._follower.greeted(message)
        if applied.late:
            self._follower.late_uses.found(applied.late)
        # A reader of a new name has acknowledged nothing yet.
        if applied.position is not None and (applied.moved or isinstance(message, Hello)):
            self._follower.applied(applied.position)
        self.in_sync = self.in_sync or applied.in_sync
        self._follower.heard(self)


def _check(response: httpx.Response) -> None:
    status = response.status_code
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Cut(f"the server does not take the API key ({status})", "refused")
    if status != httpx.codes.OK:
        raise Cut(f"the server answered {status}")
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        raise Cut("the server answered something else")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Cut("the server compressed what was to be plain")
