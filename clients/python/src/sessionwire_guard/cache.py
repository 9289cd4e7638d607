"""Tokens that were found genuine, so that a repeated one costs no signature check. It may not know whether they
still hold: that is asked each time. Whoever calls it holds the guard's lock.
"""

from collections import OrderedDict
from collections.abc import Set

from .claims import Claims


class Verified:
    """By SHA-256: of the tokens themselves nothing is kept. The least recently used are forgotten first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._tokens: OrderedDict[bytes, tuple[Claims, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tokens)

    def get(self, fingerprint: bytes) -> Claims | None:
        """The claims of a token that was put here."""
        found = self._tokens.get(fingerprint)
        if found is None:
            return None
        self._tokens.move_to_end(fingerprint)
        return found[0]

    def put(self, fingerprint: bytes, claims: Claims, kid: str) -> None:
        """Remembers a genuine token, signed by this key."""
        if self._size == 0:
            return
        self._tokens[fingerprint] = (claims, kid)
        self._tokens.move_to_end(fingerprint)
        if len(self._tokens) > self._size:
            self._tokens.popitem(last=False)

    def forget(self, kids: Set[str]) -> None:
        """Forgets what these keys signed."""
        gone = [token for token, (_, kid) in self._tokens.items() if kid in kids]
        for token in gone:
            del self._tokens[token]
