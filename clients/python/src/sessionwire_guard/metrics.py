"""What a guard counts, in Prometheus' text format. It may not know who reads it. Whoever calls it holds the guard's
lock, so that no count is lost between threads.
"""

from collections.abc import Iterable
from typing import Final

# Family, label, values of the label.
_COUNTERS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    (
        "checks",
        "verdict",
        (
            "good",
            "token_missing",
            "token_invalid",
            "token_expired",
            "session_ended",
            "token_stale",
            "forbidden",
            "cannot_decide",
        ),
    ),
    ("cache", "outcome", ("hit", "miss")),
    ("feed_messages", "", ("",)),
    ("feed_reconnects", "", ("",)),
    ("feed_resets", "", ("",)),
    ("feed_faults", "fault", ("gap", "unreadable", "too_large")),
    ("late_uses", "state", ("found", "reported", "lost")),
    ("uses_unremembered", "", ("",)),
    ("introspections", "outcome", ("active", "inactive", "unanswered")),
    ("key_fetches", "outcome", ("done", "failed")),
)


class Counts:
    """The counters."""

    def __init__(self) -> None:
        self._values = {(family, value): 0 for family, _, values in _COUNTERS for value in values}
        # The three of every check are plain attributes: they must cost next to nothing.
        self.good = 0
        self.hits = 0
        self.misses = 0

    def count(self, family: str, value: str = "", by: int = 1) -> None:
        """Counts something."""
        self._values[family, value] += by

    def get(self, family: str, value: str = "") -> int:
        """How often it was counted."""
        often = {("checks", "good"): self.good, ("cache", "hit"): self.hits, ("cache", "miss"): self.misses}
        return often.get((family, value), self._values[family, value])

    def lines(self) -> Iterable[str]:
        """The counters as text."""
        for family, label, values in _COUNTERS:
            name = f"sessionwire_guard_{family}_total"
            yield f"# TYPE {name} counter"
            for value in values:
                labels = f'{{{label}="{value}"}}' if label else ""
                yield f"{name}{labels} {self.get(family, value)}"


def gauge(name: str, value: float | int) -> Iterable[str]:
    """One gauge as text."""
    shown = f"{value:.3f}" if isinstance(value, float) else str(value)
    return (f"# TYPE sessionwire_guard_{name} gauge", f"sessionwire_guard_{name} {shown}")
