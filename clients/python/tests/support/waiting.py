"""Waiting for what has to happen, within a bound."""

import time
from collections.abc import Callable

from sessionwire_guard import BaseGuard, Claims, GuardError


def until(happened: Callable[[], object], timeout: float = 30.0) -> None:
    """Waits until it has happened."""
    begun_at = time.monotonic()
    while not happened():
        assert time.monotonic() - begun_at < timeout, "it did not happen in time"
        time.sleep(0.005)


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


def oldest_accept(guard: BaseGuard, token: str) -> float:
    """Checks until the guard can't decide any more; answers how old its knowledge was, at least, when it last
    accepted."""
    oldest = 0.0

    def refuses() -> bool:
        nonlocal oldest
        lag = guard.lag or 0.0
        if says(guard, token) != "good":
            return True
        oldest = max(oldest, lag)
        return False

    until(refuses)
    assert says(guard, token) == "cannot_decide"
    return oldest
