"""Forgetting what is over, in parts: a check must not have to wait while a million entries are looked at. It may
not know what is forgotten.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final, TypeVar

PART: Final = 1000
T = TypeVar("T")


def in_parts(
    entries: dict[str, T], is_over: Callable[[T], bool], lock: AbstractContextManager[object]
) -> Iterator[None]:
    """Takes out what is over; holds the lock for one part at a time and is left in between."""
    with lock:
        keys = list(entries)
    for start in range(0, len(keys), PART):
        with lock:
            for key in keys[start : start + PART]:
                entry = entries.get(key)
                if entry is not None and is_over(entry):
                    del entries[key]
        yield
