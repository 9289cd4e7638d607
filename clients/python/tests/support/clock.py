"""A clock that stands still until it is moved."""


class SetClock:
    """Wall clock and uptime in one."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self._now = now
        self._uptime = 1000.0

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self._now

    def uptime(self) -> float:
        """Seconds since some moment."""
        return self._uptime

    def move(self, seconds: float) -> None:
        """Lets time pass."""
        self._now += seconds
        self._uptime += seconds
