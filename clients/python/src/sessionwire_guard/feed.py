"""The feed as its reader takes it in: which message changes what, and when something is missing. It may not know
how messages travel, nor what time it is.

`read_message` turns a name and its JSON into a message; `FeedState.take` is the state machine over messages.
"""

from typing import Any, Literal, NamedTuple, get_args

from . import strict
from .index import ENDS, Change, Kind, RevocationIndex
from .reasons import SENTENCES

_KINDS: frozenset[str] = frozenset(get_args(Kind))
_REASONS = {reason: reason for reason in SENTENCES}
_KEY_OF = {"session_ended": "session_id", "user_ended": "user_id", "user_rights_changed": "user_id"}


class Hello(NamedTuple):
    """The first message: the name that this reader acknowledges with."""

    reader: str
    head: int
    heartbeat_ms: int
    now_ms: int | None = None
    """When it was sent, by the server's clock: milliseconds since the Unix epoch."""


class Snapshot(NamedTuple):
    """A piece of the index as it was at `seq`."""

    seq: int
    changes: list[Change]
    more: bool


class Changes(NamedTuple):
    """Every change after a position, up to another."""

    after: int
    seq: int
    head: int
    changes: list[Change]
    now_ms: int | None = None


class Reset(NamedTuple):
    """Forget everything."""


class Problem(NamedTuple):
    """The end, and why."""

    code: str


class Unknown(NamedTuple):
    """A message of a name that is not known here."""


Message = Hello | Snapshot | Changes | Reset | Problem | Unknown
Fault = Literal["gap", "unreadable", "too_large"]
Taken = Literal["nothing", "begun", "moved", "forgot"]


class FeedFault(Exception):
    """The feed can't be gone on with: read on from the position by a new request."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"the feed is faulty: {fault}")
        self.fault: Fault = fault


def read_message(event: str, data: bytes) -> Message:
    """Reads a message. Raises `FeedFault`."""
    try:
        return named(event, strict.read_json(data))
    except strict.Unreadable as error:
        raise FeedFault("unreadable") from error


def named(event: str, data: Any) -> Message:
    """The message of this name with these members. Raises `Unreadable`."""
    if event not in ("hello", "snapshot", "changes", "problem"):
        return Reset() if event == "reset" else Unknown()
    if not isinstance(data, dict):
        raise strict.Unreadable("an object is expected")
    member = data.get
    if event == "hello":
        beat = strict.position(member("heartbeat_ms"))
        head = strict.position(member("head"))
        return Hello(strict.uuid(member("reader")), head, beat, _sent(member("now_ms")))
    if event == "problem":
        return Problem(strict.text(member("code")))
    changes = member("changes")
    if not isinstance(changes, list):
        raise strict.Unreadable("a list is expected")
    seq = strict.position(member("seq"))
    heard = [_change(change) for change in changes]
    if event == "snapshot":
        more = member("more")
        if not isinstance(more, bool):
            raise strict.Unreadable("`more` is yes or no")
        return Snapshot(seq, heard, more)
    after, head = strict.position(member("after")), strict.position(member("head"))
    return Changes(after, seq, head, heard, _sent(member("now_ms")))


def _sent(member: Any) -> int | None:
    return None if member is None else strict.position(member)


def _change(members: Any) -> Change:
    if not isinstance(members, dict):
        raise strict.Unreadable("an object is expected")
    kind = members.get("kind")
    # A kind that nobody here knows may end a token: not to know is not to decide.
    if kind not in _KINDS:
        raise strict.Unreadable("a change of no known kind")
    reason = None
    if kind in ENDS:
        # One text for all that have it: an index has many.
        reason = _REASONS.get(strict.text(members.get("reason")))
        if reason is None:
            raise strict.Unreadable("no known reason")
    if kind in ("group_rights_changed", "signing_key_retired"):
        key = strict.text(members.get("group" if kind == "group_rights_changed" else "kid"))
    else:
        key = "" if kind == "everybody_ended" else strict.uuid(members.get(_KEY_OF[kind]))
    age = members.get("age_ms")
    return Change(
        kind,
        key,
        reason,
        strict.position(members.get("seq")),
        strict.seconds(members.get("keep_until")),
        None if age is None else strict.position(age),
    )


class FeedState:
    """The index, and how far its reader has come."""

    def __init__(self) -> None:
        self.index: RevocationIndex | None = None
        # A snapshot that is not whole yet; nobody decides by it.
        self._pieces: RevocationIndex | None = None
        self._pieces_count = 0

    @property
    def position(self) -> int | None:
        """Up to where the index is complete."""
        return None if self.index is None else self.index.position

    def begin_anew(self) -> None:
        """A new request goes out: what of a snapshot has come in pieces is worth nothing."""
        self._pieces = None
        self._pieces_count = 0

    def take(self, message: Message, entries_max: int) -> Taken:
        """Takes in the next message. Raises `FeedFault`; the position is then as it was."""
        if isinstance(message, Changes):
            return self._go_on(message, entries_max)
        if isinstance(message, Snapshot):
            return self._add(message, entries_max)
        if isinstance(message, Reset):
            self.index = None
            self.begin_anew()
            return "forgot"
        return "nothing"

    def _add(self, piece: Snapshot, entries_max: int) -> Taken:
        self._pieces_count += len(piece.changes)
        if self._pieces_count > entries_max:
            raise FeedFault("too_large")
        if self._pieces is None:
            self._pieces = RevocationIndex()
        for change in piece.changes:
            self._pieces.note(change)
        if piece.more:
            return "nothing"
        self._pieces.position = piece.seq
        self.index = self._pieces
        self.begin_anew()
        return "begun"

    def _go_on(self, stretch: Changes, entries_max: int) -> Taken:
        index = self.index
        after, seq, changes = stretch.after, stretch.seq, stretch.changes
        if index is None or after != index.position or seq < after:
            raise FeedFault("gap")
        if len(index) + len(changes) > entries_max:
            raise FeedFault("too_large")
        if not all(after < change.seq <= seq for change in changes):
            raise FeedFault("unreadable")
        for change in changes:
            index.note(change)
        index.position = seq
        return "moved"
