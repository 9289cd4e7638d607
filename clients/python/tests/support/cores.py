"""A core whose feed and clock are the test's."""

from typing import Any

from sessionwire_guard import GuardError
from sessionwire_guard.core import Applied, Ask, Core
from sessionwire_guard.feed import named
from sessionwire_guard.keys import KeySet
from sessionwire_guard.settings import Settings

from .clock import SetClock
from .tokens import ANNA, AUDIENCE, ISSUER, LAPTOP, Signer

NOW = 1_790_000_000
FAR = NOW + 1_000_000_000


class Bench:
    """A core with one key, at position 100 unless a test says otherwise."""

    def __init__(self, *, begun: bool = True, **changes: Any) -> None:
        self.clock = SetClock(NOW)
        self.signer = Signer()
        settings: dict[str, Any] = {
            "url": "http://127.0.0.1:9",
            "api_key": "swk_test",
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "clock": self.clock,
            **changes,
        }
        self.core = Core(Settings(**settings))
        self.publish(self.signer)
        self.position = 100
        self._sent: dict[str, int] = {}
        if begun:
            self.hears("snapshot", seq=100, changes=[], more=False)

    def publish(self, *signers: Signer) -> None:
        """Makes these the published keys."""
        self.core.set_keys(KeySet.read(ISSUER, AUDIENCE, {"keys": [signer.jwk for signer in signers]}))

    def token(self, **changes: Any) -> str:
        """Anna's token, good now."""
        return self.signer.token(**{"iat": NOW, "exp": NOW + 300, **changes})

    def hears(self, event: str, **data: Any) -> Applied:
        """A message of the feed."""
        return self.core.take(named(event, data))

    def changes(self, *changes: dict[str, Any], head: int | None = None) -> Applied:
        """The next positions of the log, one for each change; without any it is a heartbeat."""
        after = self.position
        noted = [{"seq": after + 1 + number, "keep_until": FAR, **change} for number, change in enumerate(changes)]
        self.position = after + len(changes)
        head = self.position if head is None else head
        return self.hears("changes", after=after, seq=self.position, head=head, changes=noted, **self._sent)

    def sent_now(self) -> None:
        """The next message says that it was sent at this moment."""
        self._sent = {"now_ms": round(self.clock.now() * 1000)}

    def says(self, token: str | None, *, requires: str | None = None, behind: Any = None, what: str = "") -> str:
        """The verdict in one word."""
        try:
            said = self.core.look(token, requires, behind, what)
        except GuardError as error:
            return error.code if error.reason is None else f"{error.code} {error.reason}"
        if said is None:
            return "unknown key"
        return "ask" if isinstance(said, Ask) else "good"


def session_ended(session: str = LAPTOP, reason: str = "revoked_by_admin", **more: Any) -> dict[str, Any]:
    """A session ended."""
    return {"kind": "session_ended", "session_id": session, "reason": reason, **more}


def user_ended(user: str = ANNA, reason: str = "user_suspended", **more: Any) -> dict[str, Any]:
    """All that a user had ended."""
    return {"kind": "user_ended", "user_id": user, "reason": reason, **more}


def user_rights(user: str = ANNA, **more: Any) -> dict[str, Any]:
    """A user's groups changed."""
    return {"kind": "user_rights_changed", "user_id": user, **more}


def group_rights(group: str, **more: Any) -> dict[str, Any]:
    """A group changed."""
    return {"kind": "group_rights_changed", "group": group, **more}
