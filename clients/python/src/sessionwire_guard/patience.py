"""Waiting with a bound. It may not know what is waited for.

`asyncio.wait_for` forgets before Python 3.12 that it was cancelled where the result comes at the same moment: then a
guard that is closed would go on.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(work: Awaitable[T], seconds: float | None) -> T:
    """What comes of this work. Raises `asyncio.TimeoutError` where it takes longer, and `CancelledError` whenever who
    waits is cancelled; the work ends with the waiting.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task,), timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
        # Asked for, so that nobody complains that nobody asked.
        if not task.cancelled():
            task.exception()
