"""The guard without I/O: one token, one verdict, in the contract's order (invalid, expired, ended, stale,
undecidable, forbidden), and what keeps the verdicts right. It may not know threads' or tasks' ways, nor any network.

One lock holds it all together. A check holds it from the look into the index until its use is noted, and a message
of the feed is applied under it: so a change that is acknowledged was applied before any check that begins later, and
a use that came before the change is found by the search for late uses. It is never held over a signature, a request
or a wait; what is long (forgetting) is done in parts. An uncontended lock costs less than a tenth of a check.
"""

import hashlib
import threading
from collections.abc import Iterator
from typing import NamedTuple

from .cache import Verified
from .claims import Claims
from .delays import Delays
from .errors import Code, GuardError
from .feed import Changes, FeedFault, FeedState, Hello, Message
from .fence import Fences
from .foreign import Attached, Foreign, Inactive
from .index import Disowned, Ended
from .keys import TOKEN_BYTES_MAX, KeySet, NotGenuine, UnknownKey
from .metrics import Counts, gauge
from .settings import Behind, Settings
from .sweep import PART
from .uses import LateUse, Uses, kept_since


class Ask(NamedTuple):
    """The route wants the server to be asked about this token."""

    claims: Claims


class AskForeign(NamedTuple):
    """It is of another issuer, and memory does not tell."""


class Applied(NamedTuple):
    """What a message did."""

    position: int | None
    """The position, where there is one now."""
    moved: bool
    in_sync: bool
    late: list[LateUse]


class Core:
    """What checks and the reader of the feed share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.Lock()
        self._now = settings.clock.now
        self._uptime = settings.clock.uptime
        self._begun_at = self._uptime()
        self._max_lag = settings.max_feed_lag
        self._leeway = settings.leeway
        self._keys: KeySet | None = None
        # A key was retired since they were asked for.
        self.keys_outdated = False
        self._state = FeedState()
        self._head_at_start = 0
        self._delays = Delays()
        # When, by uptime, everything that the server had was known.
        self._in_sync_at: float | None = None
        self._verified = Verified(settings.cache_size)
        self._foreign = Foreign(settings.issuers, settings.cache_size)
        self._uses = Uses()
        self._fences = Fences()
        self.counts = Counts()

    def look(
        self, token: str | None, requires: str | None, behind: Behind | None, what: str
    ) -> Claims | Ask | AskForeign | None:
        """What can be said at once; `None` where the token's key is not known. Raises `GuardError`."""
        try:
            return self._look(token, requires, behind, what)
        except GuardError as error:
            self.count("checks", error.code)
            raise

    def refusal(self, code: Code) -> GuardError:
        """A refusal that is found out elsewhere."""
        self.count("checks", code)
        return GuardError(code)

    def _look(
        self, token: str | None, requires: str | None, behind: Behind | None, what: str
    ) -> Claims | Ask | AskForeign | None:
        if token is None:
            raise GuardError("token_missing")
        if not token.isascii() or len(token) > TOKEN_BYTES_MAX:
            raise GuardError("token_invalid")
        fingerprint = hashlib.sha256(token.encode("ascii")).digest()
        with self.lock:
            claims = self._verified.get(fingerprint)
            if claims is not None:
                self.counts.hits += 1
                return self._judge(claims, requires, behind, what)
            attached = self._foreign.get(fingerprint)
            if attached is not None:
                self.counts.hits += 1
                return self._judge_attached(attached, requires, behind, what, asked=False) or AskForeign()
            self.counts.misses += 1
            keys = self._keys
        if self._foreign.is_named(token):
            return self._unseen(token, fingerprint, behind)
        if keys is None:
            raise GuardError("cannot_decide")
        try:
            claims, kid = keys.verify(token)
        except NotGenuine:
            raise GuardError("token_invalid") from None
        except UnknownKey:
            return None
        with self.lock:
            # Keys that were exchanged meanwhile may no longer have signed anything.
            if keys is self._keys:
                self._verified.put(fingerprint, claims, kid)
            return self._judge(claims, requires, behind, what)

    def _judge(self, claims: Claims, requires: str | None, behind: Behind | None, what: str) -> Claims | Ask:
        index = self._state.index
        verdict = None if index is None else index.verdict(claims)
        if isinstance(verdict, Disowned):
            raise GuardError("token_invalid")
        now = self._now()
        if claims.exp + self._leeway <= now:
            raise GuardError("token_expired")
        uptime = self._uptime()
        if isinstance(verdict, Ended):
            raise GuardError("session_ended", verdict.reason)
        if verdict is not None:
            raise GuardError("token_stale")
        if index is None or self._in_sync_at is None or uptime - self._in_sync_at > self._max_lag:
            chosen = self._chosen(behind)
            if chosen == "introspect":
                return Ask(claims)
            if chosen == "refuse":
                raise GuardError("cannot_decide")
        return self._accept(claims, requires, what, uptime, now)

    def _chosen(self, behind: Behind | None) -> Behind:
        """What is to happen where too little is known."""
        chosen = behind or self.settings.behind
        # To accept what nobody ever vouched for has to be said for the very route.
        is_unsaid = chosen == "accept" and self._state.index is None and behind is None
        return "refuse" if is_unsaid else chosen

    def _accept(self, claims: Claims, requires: str | None, what: str, uptime: float, now: float) -> Claims:
        if requires is not None and requires not in claims.permissions:
            raise GuardError("forbidden")
        if not self._uses.note(claims, what, uptime, now):
            self.counts.count("uses_unremembered")
        self._fences.raised(claims, now)
        self.counts.good += 1
        return claims

    def _unseen(self, token: str, name: bytes, behind: Behind | None) -> AskForeign:
        with self.lock:
            refusal = self._foreign.refusal(token, name, self._now(), self._uptime())
            if refusal is None and not self._is_fresh() and self._chosen(behind) == "refuse":
                refusal = "cannot_decide"
        if refusal is not None:
            raise GuardError(refusal)
        return AskForeign()

    def _judge_attached(
        self, attached: Attached, requires: str | None, behind: Behind | None, what: str, *, asked: bool
    ) -> Claims | None:
        """By the claims that a foreign token stands for; `None` where the server has to be asked. Such a token can't
        be refreshed here: where its rights have changed it is asked about again."""
        claims = attached.claims
        now = self._now()
        if claims.exp + self._leeway <= now:
            raise GuardError("token_expired")
        index = self._state.index
        verdict = None if index is None else index.verdict(claims)
        if isinstance(verdict, Ended):
            raise GuardError("session_ended", verdict.reason)
        chosen = None if self._is_fresh() else self._chosen(behind)
        if chosen == "refuse":
            raise GuardError("cannot_decide")
        uptime = self._uptime()
        is_old = chosen is None and attached.good_until <= uptime
        if verdict is not None or (not asked and (is_old or chosen == "introspect")):
            return None
        if chosen != "introspect":
            return self._accept(claims, requires, what, uptime, now)
        if requires is not None and requires not in claims.permissions:
            raise GuardError("forbidden")
        self._fences.raised(claims, now)
        self.counts.good += 1
        return claims

    def judge_answer(self, answer: Attached, requires: str | None, behind: Behind | None, what: str) -> Claims | None:
        """The verdict by what the server just said; `None` where more happened since. Raises `GuardError`."""
        try:
            with self.lock:
                return self._judge_attached(answer, requires, behind, what, asked=True)
        except GuardError as error:
            self.count("checks", error.code)
            raise

    def may_ask(self) -> bool:
        """Whether the server may be asked about a foreign token."""
        with self.lock:
            return self._foreign.may_ask(self._uptime())

    def would_introspect(self, behind: Behind | None) -> bool:
        """Whether too little is known, and the route wants the server to be asked then."""
        with self.lock:
            return not self._is_fresh() and self._chosen(behind) == "introspect"

    def foreign_answered(self, name: bytes, said: Claims | Inactive | None) -> Attached | Inactive | None:
        """Remembers what the server said about a foreign token."""
        with self.lock:
            self.counts.count("introspections", "active" if isinstance(said, Claims) else said or "unanswered")
            if isinstance(said, Claims):
                return self._foreign.put(name, said, self._now(), self._uptime())
            if said == "inactive":
                self._foreign.refuse(name, self._uptime())
            return said

    def answered(self, claims: Claims, *, active: bool | None, requires: str | None) -> Claims:
        """The verdict where the server was asked. Raises `GuardError`."""
        self.count("introspections", {True: "active", False: "inactive", None: "unanswered"}[active])
        if active is None:
            raise self.refusal("cannot_decide")
        if not active:
            # The server does not say why; whoever refreshes learns it.
            raise self.refusal("token_stale")
        if requires is not None and requires not in claims.permissions:
            raise self.refusal("forbidden")
        with self.lock:
            self._fences.raised(claims, self._now())
            self.counts.good += 1
        return claims

    def count(self, family: str, value: str = "", by: int = 1) -> None:
        """Counts something."""
        with self.lock:
            self.counts.count(family, value, by)

    def begin_anew(self) -> int | None:
        """A new request for the feed goes out; answers the position to go on from."""
        with self.lock:
            self._state.begin_anew()
            return self._state.position

    def take(self, message: Message) -> Applied:
        """Takes in a message of the feed. Raises `FeedFault`."""
        with self.lock:
            self.counts.count("feed_messages")
            uptime = self._uptime()
            before = (self._state.position, self._in_sync_at)
            if isinstance(message, Hello):
                self._head_at_start = message.head
            head = message.head if isinstance(message, Changes) else self._head_at_start
            said = message.now_ms if isinstance(message, Hello | Changes) else None
            delay = self._delays.note(uptime, said)
            try:
                taken = self._state.take(message, self.settings.index_size_max)
            except FeedFault as fault:
                self.counts.count("feed_faults", fault.fault)
                raise
            position = self._state.position
            late: list[LateUse] = []
            in_sync = False
            if taken == "forgot":
                self.counts.count("feed_resets")
                self._in_sync_at = None
            elif taken != "nothing" and position is not None and position >= head:
                in_sync = True
                self._in_sync_at = uptime
            if taken == "moved" and isinstance(message, Changes) and message.changes:
                late = self._uses.late(message.changes, uptime, before[1], delay)
                self.counts.count("late_uses", "found", len(late))
                # Another key signs from now on.
                self.keys_outdated |= any(change.kind == "signing_key_retired" for change in message.changes)
            moved = taken == "begun" or position != before[0]
            return Applied(position, moved, in_sync, late)

    def set_keys(self, keys: KeySet) -> None:
        """The published keys, as they are now."""
        with self.lock:
            if self._keys is not None:
                self._verified.forget(self._keys.differing(keys))
            self._keys = keys

    def sweep(self, *, everything: bool) -> Iterator[None]:
        """Forgets what can matter no more, in parts: uses, and with `everything` also entries and fences."""
        with self.lock:
            lag = max(self._max_lag, self._lag() or 0.0)
            since = kept_since(self._uptime(), lag)
            tokens = self._uses.tokens()
            index = self._state.index
        for start in range(0, len(tokens), PART):
            with self.lock:
                self._uses.forget(tokens[start : start + PART], since)
            yield
        if everything:
            if index is not None:
                yield from index.sweep(self.lock, self._now())
            yield from self._fences.sweep(self.lock, self._now())

    @property
    def position(self) -> int | None:
        """The position up to which everything is known."""
        with self.lock:
            return self._state.position

    @property
    def lag(self) -> float | None:
        """How old what is known is, in seconds; `None` where nothing ever was."""
        with self.lock:
            return self._lag()

    def _lag(self) -> float | None:
        return None if self._in_sync_at is None else self._uptime() - self._in_sync_at

    @property
    def can_decide(self) -> bool:
        """Whether keys and a whole index are there, and the index is young enough."""
        with self.lock:
            return self._keys is not None and self._is_fresh()

    def _is_fresh(self) -> bool:
        lag = self._lag()
        return self._state.index is not None and lag is not None and lag <= self._max_lag

    def fence_of(self, user: str) -> int:
        """The highest fence of this user that was accepted."""
        with self.lock:
            return self._fences.of(user)

    def admit(self, user: str, claims: Claims) -> None:
        """Lets a write pass unless a later session of the user was seen. Raises `GuardError`."""
        with self.lock:
            self._fences.admit(user, claims, self._now())

    def metrics_text(self) -> str:
        """Everything that is counted, in Prometheus' text format."""
        with self.lock:
            lag = self._lag()
            index = self._state.index
            lines = [
                *self.counts.lines(),
                *gauge("position", self._state.position or 0),
                # A guard that never heard anything has been behind since it began.
                *gauge("feed_lag_seconds", float(self._uptime() - self._begun_at if lag is None else lag)),
                *gauge("index_entries", 0 if index is None else len(index)),
                *gauge("fresh", int(self._is_fresh())),
            ]
        return "\n".join(lines) + "\n"
