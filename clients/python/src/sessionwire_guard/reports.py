"""Tells the server how far this guard has come, and which tokens it accepted too late. It may not know how either is
found out.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Final

from .core import Core
from .patience import within
from .server import Server
from .uses import LateUse

# Between two tries of an acknowledgement that did not arrive, at first and at most, in seconds.
_ACK_AGAIN: Final = 0.1
_ACK_AGAIN_MAX: Final = 2.0
# Late uses that wait to be reported; more are counted as lost.
REPORTS_MAX: Final = 1000
# Late uses of one report.
_BATCH: Final = 100
# How often one is tried, and between two tries, in seconds.
_TRIES: Final = 5
_AGAIN: Final = 1.0
# How long is waited for a connection to the feed: reports are in its reader's name.
_READER_PATIENCE: Final = 30.0
_NOT_SAID: Final = "(not said)"

_log: Final = logging.getLogger("sessionwire_guard")


class Acknowledgements:
    """One on its way at a time; of positions that come meanwhile only the latest goes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader: str | None = None
        self._position: int | None = None
        self._wanted = asyncio.Event()

    def follow(self, reader: str | None) -> None:
        """The name to acknowledge with from now on."""
        self._reader = reader
        self._position = None

    def applied(self, position: int) -> None:
        """Everything up to here is applied."""
        self._position = position
        self._wanted.set()

    async def run(self) -> None:
        """Acknowledges for ever."""
        wait = _ACK_AGAIN
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            reader, position = self._reader, self._position
            if reader is None or position is None:
                continue
            told = await self._server.acknowledge(reader, position)
            if told != "failed":
                wait = _ACK_AGAIN
                continue
            await asyncio.sleep(wait)
            wait = min(wait * 2, _ACK_AGAIN_MAX)
            self._wanted.set()


class LateUses:
    """Late uses on their way to the server."""

    def __init__(self, core: Core, server: Server) -> None:
        self._core = core
        self._server = server
        self._waiting: deque[LateUse] = deque()
        self._wanted = asyncio.Event()
        self._reader: str | None = None
        self._followed = asyncio.Event()

    def follow(self, reader: str | None) -> None:
        """The name to report with from now on."""
        self._reader = reader
        if reader is None:
            self._followed.clear()
        else:
            self._followed.set()

    def found(self, uses: Iterable[LateUse]) -> None:
        """These were found."""
        for use in uses:
            if len(self._waiting) < REPORTS_MAX:
                self._waiting.append(use)
            else:
                self._core.count("late_uses", "lost")
        self._wanted.set()

    async def run(self) -> None:
        """Reports for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                told = await self._report([_body(use) for use in batch])
                self._core.count("late_uses", "reported" if told else "lost", len(batch))

    async def _report(self, uses: list[dict[str, object]]) -> bool:
        for turn in range(_TRIES):
            if turn:
                await asyncio.sleep(_AGAIN)
            try:
                await within(self._followed.wait(), _READER_PATIENCE)
            except asyncio.TimeoutError:
                break
            reader = self._reader
            if reader is not None and await self._server.report(reader, uses) == "done":
                return True
        _log.warning("%d late uses could not be reported", len(uses))
        return False


def _body(use: LateUse) -> dict[str, object]:
    what = "".join(letter for letter in use.what if letter.isprintable()).strip()
    return {
        "session_id": use.claims.sid,
        "user_id": use.claims.sub,
        "jti": use.claims.jti,
        "seq": use.seq,
        "code": "session_ended" if use.is_ended else "token_stale",
        "what": what or _NOT_SAID,
        "count": use.times,
        "first_at": _rfc3339(use.first_at),
        # The wall clock may have been put back meanwhile.
        "last_at": _rfc3339(max(use.first_at, use.last_at)),
    }


def _rfc3339(at: float) -> str:
    text = datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
