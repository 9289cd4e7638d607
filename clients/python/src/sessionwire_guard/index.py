"""The revocation index: does a genuine token still hold? It may not know where changes come from, nor what time it
is.

Entries by session, by user, by group name and one for everybody, each a log position that is compared with the
token's `as_of`. A rights change of a group of a million members is one entry.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple

from .claims import Claims
from .sweep import in_parts

Kind = Literal[
    "session_ended",
    "user_ended",
    "everybody_ended",
    "user_rights_changed",
    "group_rights_changed",
    "signing_key_retired",
]
ENDS: frozenset[str] = frozenset({"session_ended", "user_ended", "everybody_ended"})


class Change(NamedTuple):
    """What an event of the log means for tokens that have not seen it."""

    kind: Kind
    key: str
    """The session, user, group or signing key that it is about; empty for everybody."""
    reason: str | None
    """Why it ended; none for rights."""
    seq: int
    keep_until: int
    """Seconds since the Unix epoch; after it no token that it concerns can live."""
    age_ms: int | None = None
    """How long before it was sent it happened; not in snapshots."""

    def concerns(self, claims: Claims) -> bool:
        """Whether a token with these claims is no longer good because of this change."""
        if self.kind == "session_ended":
            return self.key == claims.sid
        if self.kind == "signing_key_retired":
            return self.key == claims.kid
        if self.seq <= claims.as_of:
            return False
        if self.kind == "everybody_ended":
            return True
        if self.kind == "group_rights_changed":
            return self.key in claims.groups
        return self.key == claims.sub


class Ended(NamedTuple):
    """The token's session has ended, by the event at this position."""

    seq: int
    reason: str


class Stale(NamedTuple):
    """The token's rights are out of date since this position."""

    seq: int


class Disowned(NamedTuple):
    """The key that vouches for the token is trusted no more since this position: it is not genuine."""

    seq: int


class _Entry(NamedTuple):
    seq: int
    reason: str | None
    keep_until: int


class RevocationIndex:
    """The entries, and the position up to which they are complete."""

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self._sessions: dict[str, _Entry] = {}
        self._users: dict[str, _Entry] = {}
        # One key, the empty text, so that everybody is kept and swept like the others.
        self._everybody: dict[str, _Entry] = {}
        self._user_rights: dict[str, _Entry] = {}
        self._group_rights: dict[str, _Entry] = {}
        self._retired_keys: dict[str, _Entry] = {}
        self._by_kind: dict[str, dict[str, _Entry]] = {
            "session_ended": self._sessions,
            "user_ended": self._users,
            "everybody_ended": self._everybody,
            "user_rights_changed": self._user_rights,
            "group_rights_changed": self._group_rights,
            "signing_key_retired": self._retired_keys,
        }

    def __len__(self) -> int:
        return sum(map(len, self._by_kind.values()))

    def note(self, change: Change) -> None:
        """Takes in one entry; the position stays."""
        kind, key, reason, seq, keep_until, _ = change
        if kind == "session_ended":
            # A session ends once: the first reason stands.
            self._sessions.setdefault(key, _Entry(seq, reason, keep_until))
        else:
            self._by_kind[kind][key] = _Entry(seq, reason, keep_until)

    def notes(self) -> Iterator[Change]:
        """Everything that is held, in no order."""
        for kind, entries in self._by_kind.items():
            for key, entry in entries.items():
                yield Change(kind, key, entry.reason, entry.seq, entry.keep_until)  # type: ignore[arg-type]

    def verdict(self, claims: Claims) -> Disowned | Ended | Stale | None:
        """Why an unexpired token does not hold; `None` where it does."""
        if self._retired_keys and claims.kid is not None:
            retired = self._retired_keys.get(claims.kid)
            if retired is not None:
                return Disowned(retired.seq)
        as_of = claims.as_of
        # The earliest is the one that ended it.
        first = self._sessions.get(claims.sid)
        user = self._users.get(claims.sub)
        if user is not None and user.seq > as_of and (first is None or user.seq < first.seq):
            first = user
        everybody = self._everybody.get("")
        if everybody is not None and everybody.seq > as_of and (first is None or everybody.seq < first.seq):
            first = everybody
        if first is not None:
            return Ended(first.seq, first.reason or "")
        last = 0
        rights = self._user_rights.get(claims.sub)
        if rights is not None and rights.seq > as_of:
            last = rights.seq
        if self._group_rights:
            for name in claims.groups:
                rights = self._group_rights.get(name)
                if rights is not None and rights.seq > as_of and rights.seq > last:
                    last = rights.seq
        return Stale(last) if last else None

    def sweep(self, lock: AbstractContextManager[object], now: float) -> Iterator[None]:
        """Forgets entries that no living token can be concerned by."""
        for entries in self._by_kind.values():
            yield from in_parts(entries, lambda entry: entry.keep_until <= now, lock)
