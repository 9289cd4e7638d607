"""What time it is: one seam, so that tests can set it. It may not know what it is asked for."""

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is."""

    def now(self) -> float:
        """Seconds since the Unix epoch; for expiry, and for people."""
        ...

    def uptime(self) -> float:
        """Seconds since some moment; never runs back. For how old knowledge is."""
        ...


class SystemClock:
    """The system's clocks."""

    now = staticmethod(time.time)

    if hasattr(time, "CLOCK_BOOTTIME"):

        @staticmethod
        def uptime() -> float:
            """Counts while the machine sleeps too: what was known before it did is old."""
            return time.clock_gettime(time.CLOCK_BOOTTIME)

    else:
        uptime = staticmethod(time.monotonic)
