"""Fencing: of two live sessions of a user only the later may write. It may not know what is written. Whoever calls
it holds the guard's lock.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final

from .claims import Claims
from .errors import GuardError
from .sweep import in_parts

USERS_MAX: Final = 1_000_000


class Fences:
    """The highest fence of each user that this guard has accepted."""

    def __init__(self, users_max: int = USERS_MAX) -> None:
        self._users_max = users_max
        # Fence, and until when an older session's token may still live.
        self._users: dict[str, tuple[int, int]] = {}
        self._longest_life = 0

    def __len__(self) -> int:
        return len(self._users)

    def of(self, user: str) -> int:
        """The highest that was accepted; 0 where none was."""
        held = self._users.get(user)
        return 0 if held is None else held[0]

    def raised(self, claims: Claims, now: float) -> bool:
        """A token was accepted. Answers whether there is room to remember it."""
        life = claims.exp - claims.iat
        self._longest_life = max(self._longest_life, life)
        until = int(now) + self._longest_life + 1
        held = self._users.get(claims.sub)
        if held is None:
            if len(self._users) >= self._users_max:
                return False
            self._users[claims.sub] = (claims.fence, until)
        elif claims.fence > held[0]:
            self._users[claims.sub] = (claims.fence, max(until, held[1]))
        elif until > held[1]:
            self._users[claims.sub] = (held[0], until)
        return True

    def admit(self, user: str, claims: Claims, now: float) -> None:
        """Lets a write of this session pass, unless a later session of the user was seen."""
        if claims.sub != user or claims.fence < self.of(user):
            raise GuardError("fenced")
        if not self.raised(claims, now):
            # Of whom nothing can be remembered nothing can be said.
            raise GuardError("cannot_decide")

    def sweep(self, lock: AbstractContextManager[object], now: float) -> Iterator[None]:
        """Forgets users of whose older sessions no token can live."""
        return in_parts(self._users, lambda held: held[1] < now, lock)
