"""Tokens of other issuers that the server takes as they are: what it said about them. It may not know what follows
from that, nor how it is asked. Whoever calls it holds the guard's lock.

Anybody can invent such tokens. Only those that say one of the issuers that the application named are asked about;
what the server refuses is remembered for a moment, and costs a share of a bounded rate.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Generic, Literal, NamedTuple, TypeVar

from . import strict
from .claims import Claims
from .errors import Code
from .keys import TOKEN_BYTES_MAX

# How long an answer is good for, in seconds: the session has to be seen in use, and entries of the index are kept for
# longer.
_GOOD_FOR_MAX: Final = 300.0
_GOOD_FOR_MIN: Final = 10.0
# How long a refusal is, and how many are remembered.
_REFUSED_FOR: Final = 5.0
_REFUSED_MAX: Final = 1_000
# Refusals that are asked for at once, and in a second.
_BURST: Final = 1_000.0
_RATE: Final = 100.0
# The most by which the server may let a token live on, in seconds: its setting's upper bound.
_LEEWAY_MAX: Final = 300
_THREE_PARTS: Final = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+", re.ASCII)

T = TypeVar("T")
# The server does not take it.
Inactive = Literal["inactive"]


class Hint(NamedTuple):
    """What a token says about itself before anybody has opened it: whom to ask, and no more than that."""

    iss: str
    exp: float | None

    def is_over(self, now: float, since: int = 0) -> bool:
        """Whether it says that its time was over so many seconds ago at least."""
        return self.exp is not None and self.exp <= int(now) - since


class Attached(NamedTuple):
    """What a foreign token stands for."""

    claims: Claims
    good_until: float
    """Until when, by uptime, nobody needs to ask again."""


class Foreign:
    """What is known about foreign tokens."""

    def __init__(self, issuers: Sequence[str], size: int) -> None:
        self._issuers = frozenset(issuers)
        self._attached: _Recent[Attached] = _Recent(size)
        self._refused: _Recent[float] = _Recent(_REFUSED_MAX)
        self._left = _BURST
        self._left_at = 0.0

    def is_named(self, token: str) -> bool:
        """Whether a token says that it is of an issuer of the list."""
        if not self._issuers:
            return False
        hint = hint_of(token)
        return hint is not None and hint.iss in self._issuers

    def get(self, name: bytes) -> Attached | None:
        """What the server said last."""
        return self._attached.get(name)

    def put(self, name: bytes, claims: Claims, now: float, uptime: float) -> Attached:
        """The server said that a token is good."""
        # Asked about again at half its time, a session that is used does not run out.
        good_for = min(max((claims.exp - now) / 2, _GOOD_FOR_MIN), _GOOD_FOR_MAX)
        attached = Attached(claims, uptime + good_for)
        self._attached.put(name, attached)
        return attached

    def refuse(self, name: bytes, uptime: float) -> None:
        """The server said that a token is not good."""
        self._left = self._allowed(uptime) - 1
        self._refused.put(name, uptime + _REFUSED_FOR)

    def refusal(self, token: str, name: bytes, now: float, uptime: float) -> Code | None:
        """Why a token that nothing good is known of is refused without a question."""
        until = self._refused.get(name)
        if until is not None and until > uptime:
            return refused(token, now)
        hint = hint_of(token)
        return "token_expired" if hint is not None and hint.is_over(now, _LEEWAY_MAX) else None

    def may_ask(self, uptime: float) -> bool:
        """Whether a refusal may be asked for."""
        return self._allowed(uptime) >= 1

    def _allowed(self, uptime: float) -> float:
        self._left = min(self._left + (uptime - self._left_at) * _RATE, _BURST)
        self._left_at = uptime
        return self._left


class _Recent(Generic[T]):
    """The least recently used are forgotten first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._found: OrderedDict[bytes, T] = OrderedDict()

    def get(self, name: bytes) -> T | None:
        found = self._found.get(name)
        if found is not None:
            self._found.move_to_end(name)
        return found

    def put(self, name: bytes, found: T) -> None:
        if self._size == 0:
            return
        self._found[name] = found
        self._found.move_to_end(name)
        if len(self._found) > self._size:
            self._found.popitem(last=False)


def refused(token: str, now: float) -> Code:
    """What a client hears whose token the server does not take. It does not say why; that its time is over shows by
    itself."""
    hint = hint_of(token)
    return "token_expired" if hint is not None and hint.is_over(now) else "token_invalid"


def hint_of(token: str) -> Hint | None:
    """The hint of a text that has the form of a token."""
    parts = _THREE_PARTS.fullmatch(token) if len(token) <= TOKEN_BYTES_MAX else None
    if parts is None:
        return None
    try:
        said = strict.read_json(strict.read_base64url(parts.group(1)))
    except strict.Unreadable:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("iss"), str):
        return None
    exp = said.get("exp")
    is_number = isinstance(exp, int | float) and not isinstance(exp, bool)
    return Hint(said["iss"], exp if is_number else None)
