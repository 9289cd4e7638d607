"""What was accepted in the last seconds: so that a guard that learns of a revocation can say what it let pass after
it. It may not know how that is said. Whoever calls it holds the guard's lock.

Found by token on the way of a check, by session and user when a change comes: a change must not cost a look at
everything that was accepted.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from .claims import Claims
from .index import ENDS, Change

# Tokens whose uses are remembered, things that one was used for, and stretches of time of one thing.
TOKENS_MAX: Final = 10_000
_THINGS_MAX: Final = 16
_STRETCHES_MAX: Final = 64
# As much as is remembered of what a token was used for, in characters.
WHAT_CHARS_MAX: Final = 200
# A use joins the last stretch that began so many seconds ago at most.
_STRETCH: Final = 0.02
# How long a use is remembered, beyond the lag.
_KEPT: Final = 10.0


class LateUse(NamedTuple):
    """A token that was accepted too late."""

    claims: Claims
    seq: int
    is_ended: bool
    what: str
    times: int
    """At least so often."""
    first_at: float
    last_at: float


class _Stretch:
    __slots__ = ("count", "first", "first_at", "last", "last_at")

    def __init__(self, uptime: float, now: float) -> None:
        self.first = self.last = uptime
        self.first_at = self.last_at = now
        self.count = 1

    def join(self, later: "_Stretch") -> None:
        self.last, self.last_at = later.last, later.last_at
        self.count += later.count


class _Token:
    __slots__ = ("claims", "things")

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.things: dict[str, list[_Stretch]] = {}

    def keep(self, what: str, stretches: list[_Stretch]) -> None:
        if stretches:
            self.things[what] = stretches
        else:
            del self.things[what]


class Uses:
    """The accepted uses of the last seconds."""

    def __init__(self) -> None:
        self._tokens: dict[str, _Token] = {}
        self._by_session: dict[str, dict[str, _Token]] = {}
        self._by_user: dict[str, dict[str, _Token]] = {}

    def __len__(self) -> int:
        return len(self._tokens)

    def note(self, claims: Claims, what: str, uptime: float, now: float) -> bool:
        """A token was accepted for something. Answers whether there was room to remember it."""
        token = self._tokens.get(claims.jti)
        if token is None:
            if len(self._tokens) >= TOKENS_MAX:
                return False
            token = self._add(claims)
        if len(what) > WHAT_CHARS_MAX:
            what = what[:WHAT_CHARS_MAX]
        stretches = token.things.get(what)
        if stretches is None:
            if len(token.things) >= _THINGS_MAX:
                return False
            token.things[what] = [_Stretch(uptime, now)]
            return True
        last = stretches[-1]
        if uptime - last.first < _STRETCH:
            last.last, last.last_at = uptime, now
            last.count += 1
            return True
        if len(stretches) >= _STRETCHES_MAX:
            _coarsen(stretches)
        stretches.append(_Stretch(uptime, now))
        return True

    def late(
        self, changes: Iterable[Change], uptime: float, in_sync_at: float | None, delay: float = 0.0
    ) -> list[LateUse]:
        """What these changes came too late for, after so long under way. A change of unknown age counts from
        `in_sync_at`, the last moment at which everything was known. Each use is answered once."""
        late: list[LateUse] = []
        for change in _ends_first(changes):
            # Whose a token was that a retired key signed nobody knows: there is nobody to report it of.
            if change.kind == "signing_key_retired":
                continue
            if change.age_ms is not None:
                since = uptime - change.age_ms / 1000 - delay
            else:
                since = in_sync_at if in_sync_at is not None else 0.0
            for token in self._about(change):
                if change.concerns(token.claims):
                    late.extend(_taken(token, since, change))
        return late

    def tokens(self) -> list[str]:
        """Whose uses are remembered now, for `forget`."""
        return list(self._tokens)

    def forget(self, tokens: Iterable[str], since: float) -> None:
        """Forgets what these tokens were used for before this uptime."""
        for jti in tokens:
            token = self._tokens.get(jti)
            if token is None:
                continue
            for what, stretches in list(token.things.items()):
                token.keep(what, [stretch for stretch in stretches if stretch.last >= since])
            if not token.things:
                self._remove(jti, token.claims)

    def _about(self, change: Change) -> Iterable[_Token]:
        if change.kind == "session_ended":
            return self._by_session.get(change.key, {}).values()
        if change.kind in ("user_ended", "user_rights_changed"):
            return self._by_user.get(change.key, {}).values()
        return self._tokens.values()

    def _add(self, claims: Claims) -> _Token:
        token = _Token(claims)
        self._tokens[claims.jti] = token
        self._by_session.setdefault(claims.sid, {})[claims.jti] = token
        self._by_user.setdefault(claims.sub, {})[claims.jti] = token
        return token

    def _remove(self, jti: str, claims: Claims) -> None:
        del self._tokens[jti]
        for tokens, key in ((self._by_session, claims.sid), (self._by_user, claims.sub)):
            del tokens[key][jti]
            if not tokens[key]:
                del tokens[key]


def kept_since(uptime: float, lag: float) -> float:
    """Up to when back uses are remembered by a guard that is so far behind."""
    return uptime - lag - _KEPT


def _ends_first(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: (change.kind not in ENDS, change.seq))


def _taken(token: _Token, since: float, change: Change) -> Iterator[LateUse]:
    for what, stretches in list(token.things.items()):
        late = [stretch for stretch in stretches if stretch.last > since]
        if not late:
            continue
        token.keep(what, [stretch for stretch in stretches if stretch.last <= since])
        count = sum(stretch.count for stretch in late)
        first_at = late[0].first_at
        if late[0].first <= since:
            # Of the stretch in which it happened only the last use is known to be late.
            count -= late[0].count - 1
            first_at = late[0].last_at
        is_ended = change.kind in ENDS
        yield LateUse(token.claims, change.seq, is_ended, what, count, first_at, late[-1].last_at)


def _coarsen(stretches: list[_Stretch]) -> None:
    """Halves the number of stretches: the older ones get longer."""
    for stretch, later in zip(stretches[::2], stretches[1::2], strict=True):
        stretch.join(later)
    del stretches[1::2]
