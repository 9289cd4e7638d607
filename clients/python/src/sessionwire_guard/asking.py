"""Asking the server what tokens of other issuers stand for, one question at a time about each. It may not know what
follows from an answer.
"""

import asyncio
import hashlib
from typing import Final

from .claims import Claims
from .core import Core
from .foreign import Attached, Inactive, refused
from .patience import within
from .server import Server
from .settings import Behind

# Questions at once, those that are asked or wait for their turn, and how long they wait, in seconds.
_AT_ONCE: Final = 50
_UNDER_WAY_MAX: Final = 1_000
_TURN: Final = 2.0
# Questions for one check: rights may change while the first is answered, and not for ever.
_QUESTIONS_MAX: Final = 3

_Flight = asyncio.Task["Attached | Inactive | None"]


class Questions:
    """Made inside the event loop that runs them."""

    def __init__(self, core: Core, server: Server) -> None:
        self._core = core
        self._server = server
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._shared: dict[bytes, _Flight] = {}
        self._flights: set[_Flight] = set()

    async def settle(self, token: str, requires: str | None, behind: Behind | None, what: str) -> Claims:
        """The verdict on a token that memory does not tell. Raises `GuardError`."""
        core = self._core
        for _ in range(_QUESTIONS_MAX):
            answer = await self._ask(token, alone=core.would_introspect(behind))
            if answer is None:
                break
            if answer == "inactive":
                raise core.refusal(refused(token, core.settings.clock.now()))
            claims = core.judge_answer(answer, requires, behind, what)
            if claims is not None:
                return claims
        raise core.refusal("cannot_decide")

    async def close(self) -> None:
        """Ends all questions."""
        flights = list(self._flights)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _ask(self, token: str, *, alone: bool) -> Attached | Inactive | None:
        """What a token stands for; `None` where the server does not say. Who asks while somebody else does shares the
        answer: what happened since that question is for the index to tell. Who has no index that can is alone."""
        name = hashlib.sha256(token.encode("ascii")).digest()
        flight = None if alone else self._shared.get(name)
        if flight is None:
            if len(self._flights) >= _UNDER_WAY_MAX or not self._core.may_ask():
                return None
            flight = asyncio.ensure_future(self._ask_now(token, name))
            self._flights.add(flight)
            if not alone:
                self._shared[name] = flight
            flight.add_done_callback(lambda done: self._landed(name, done))
        # Not awaited itself: who is tired of waiting must not take the answer from the others.
        await asyncio.wait((flight,))
        return None if flight.cancelled() else flight.result()

    def _landed(self, name: bytes, flight: _Flight) -> None:
        self._flights.discard(flight)
        if self._shared.get(name) is flight:
            del self._shared[name]

    async def _ask_now(self, token: str, name: bytes) -> Attached | Inactive | None:
        try:
            await within(self._places.acquire(), _TURN)
        except asyncio.TimeoutError:
            return self._core.foreign_answered(name, None)
        try:
            said = await self._server.claims_of(token)
        finally:
            self._places.release()
        return self._core.foreign_answered(name, said)
