"""How long messages of the feed are under way: what came late is told from what happened late. It may not know
what they say.

The two clocks differ by an amount that nobody knows, and each message adds its time under way. The least sum of
the last messages is that of the quickest, so what a message has beyond it is its delay.
"""

from collections import deque
from typing import Final

# Messages that are compared: about a minute of heartbeats, since clocks drift and are set.
_MESSAGES: Final = 64


class Delays:
    """The messages of the last while."""

    def __init__(self) -> None:
        self._sums: deque[float] = deque(maxlen=_MESSAGES)

    def note(self, uptime: float, sent_ms: int | None) -> float:
        """A message came at this uptime, sent at that time by the server's clock. Answers how much longer it was
        under way than the quickest, in seconds; 0 where it does not say when it was sent."""
        if sent_ms is None:
            return 0.0
        total = uptime - sent_ms / 1000
        self._sums.append(total)
        return total - min(self._sums)
