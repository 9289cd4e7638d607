"""Waiting for what has to happen, within a bound."""

import time
from collections.abc import Callable

from sessionwire_guard import BaseGuard, Claims, GuardError


def until(happened: Callable[[], object], timeout: float = 10.0) -> float:
    """Waits until it has happened; answers how long that took."""
    begun_at = time.monotonic()
    while not happened():
        assert time.monotonic() - begun_at < timeout, "it did not happen in time"
        time.sleep(0.005)
    return time.monotonic() - begun_at


def verdict(check: Callable[[], Claims]) -> str:
    """What a check says, as one word, with the reason of an end."""
    try:
        check()
    except GuardError as error:
        return error.code if error.reason is None else f"{error.code} {error.reason}"
    return "good"


def says(guard: BaseGuard, token: str | None, **route: object) -> str:
    """What a guard says at once."""
    return verdict(lambda: guard.check_now(token, **route))  # type: ignore[arg-type]
