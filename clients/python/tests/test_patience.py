"""Waiting with a bound: a cancellation is never lost, whatever happens in the same moment."""

import asyncio

import pytest

from sessionwire_guard.patience import within

pytestmark = pytest.mark.anyio


async def test_what_comes_in_time_comes() -> None:
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(within(done, 30))
    await asyncio.sleep(0)
    done.set_result(1)
    assert await waiting == 1


async def test_a_cancellation_wins_over_a_result_of_the_same_moment() -> None:
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(within(done, 30))
    await asyncio.sleep(0)
    done.set_result(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_work_that_takes_longer_ends_with_the_waiting() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    with pytest.raises(asyncio.TimeoutError):
        await within(work(), 0.01)
    assert ended == ["work"]
    waiting = asyncio.ensure_future(within(work(), None))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["work", "work"]


async def test_a_fault_of_the_work_is_told() -> None:
    async def work() -> None:
        raise LookupError("nothing")

    with pytest.raises(LookupError):
        await within(work(), 30)
