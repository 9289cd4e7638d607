"""Beginning and end: threads, tasks, forks, forgotten guards."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from sessionwire_guard import AsyncGuard, Guard, GuardError

from .conftest import GuardOf, settings_of
from .support.fake import Stream, fake
from .support.network import WithoutFeed
from .support.server import Demo
from .support.waiting import says, until, verdict

HERE = Path(__file__).parents[1]
NAME = "sessionwire-guard"


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME or thread.name.startswith("asyncio_")]


def following(server: Demo) -> int:
    """How many guards the server counts."""
    session = server.signed_in(2)
    count: int = server.call("DELETE", f"/v1/sessions/{session['session_id']}")["guards"]["following"]
    return count


def test_a_closed_guard_leaves_no_thread_and_falls_behind(server: Demo) -> None:
    guard = Guard(**settings_of(server, max_feed_lag=1.0))
    assert threads() == []
    token = server.signed_in(0)["access_token"]
    assert verdict(lambda: guard.check(token)) == "good"
    assert len([thread for thread in threads() if thread.name == NAME]) == 1
    guard.close()
    guard.close()
    assert threads() == []
    until(lambda: following(server) == 0)
    until(lambda: verdict(lambda: guard.check(token)) == "cannot_decide")
    assert verdict(lambda: guard.check(token, behind="introspect")) == "cannot_decide"
    assert threads() == []
    # Who starts it again means it.
    assert guard.wait_ready(10)
    assert verdict(lambda: guard.check(token)) == "good"
    guard.close()


def test_a_forgotten_guard_ends(server: Demo) -> None:
    guard = Guard(**settings_of(server))
    assert guard.wait_ready(10)
    del guard
    gc.collect()
    until(lambda: threads() == [])


def test_first_checks_at_once_start_one_thread(server: Demo, guard_of: GuardOf) -> None:
    guard = Guard(**settings_of(server, ready_timeout=10.0))
    token = server.signed_in(0)["access_token"]
    begun = threading.Barrier(8)
    found: list[str] = []

    def check() -> None:
        begun.wait()
        found.append(verdict(lambda: guard.check(token)))

    checking = [threading.Thread(target=check) for _ in range(8)]
    for thread in checking:
        thread.start()
    for thread in checking:
        thread.join()
    assert found == ["good"] * 8
    assert len([thread for thread in threads() if thread.name == NAME]) == 1
    guard.close()


def test_closing_does_not_wait_for_a_server_that_does_not_answer() -> None:
    def feed(stream: Stream) -> None:
        stream.wait_closed()

    with fake(feed) as server:
        guard = Guard(**settings_of(server))
        guard.start()
        until(lambda: server.streams)
        guard.close()
        assert threads() == []


def test_what_cannot_be_started_says_why(server: Demo) -> None:
    def broken() -> httpx.AsyncClient:
        raise ValueError("no such authority")

    guard = Guard(**settings_of(server, http=broken))
    for _ in range(2):
        with pytest.raises(ValueError, match="no such authority"):
            guard.start()
    assert threads() == []


def test_a_process_that_closes_nothing_ends_all_the_same(server: Demo) -> None:
    program = (
        "import json, os; from sessionwire_guard import Guard; "
        "guard = Guard(**json.loads(os.environ['GUARD_SETTINGS'])); "
        "assert guard.wait_ready(10); print(guard.check(os.environ['GUARD_TOKEN']).sub)"
    )
    session = server.signed_in(0)
    environment = {
        **os.environ,
        "GUARD_SETTINGS": json.dumps(settings_of(server)),
        "GUARD_TOKEN": session["access_token"],
        "PYTHONWARNINGS": "error",
    }
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, session["user"]["id"], "")


def test_every_child_of_a_fork_decides_and_the_parent_goes_on(server: Demo) -> None:
    session = server.signed_in(0)
    environment = {
        **os.environ,
        "GUARD_SETTINGS": json.dumps(settings_of(server, ready_timeout=10.0)),
        "GUARD_TOKEN": session["access_token"],
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.forking"],
        cwd=HERE,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(11)]
        assert lines[0] == ["first", "good"]
        # A child has a thread of its own while it follows, and none once it has closed.
        assert lines[1:] == [["child", "good", "2", "1"]] * 10
        receipt = server.call("DELETE", f"/v1/sessions/{session['session_id']}", wait_ms=5000)
        assert receipt["guards"] == {"following": 1, "applied": 1}
        said, _ = process.communicate("go on\n", timeout=60)
        assert said.split("\n") == ["parent session_ended", "child session_ended 2 1", ""]
    finally:
        process.kill()
        process.wait()


@pytest.mark.anyio
async def test_a_closed_guard_leaves_no_task(server: Demo) -> None:
    before = asyncio.all_tasks()
    async with AsyncGuard(**settings_of(server)) as guard:
        assert await guard.wait_ready(10)
        token = server.signed_in(0)["access_token"]
        assert (await guard.check(token, requires="reports:read")).allows("reports:read")
        assert len(asyncio.all_tasks()) > len(before)
    assert asyncio.all_tasks() == before
    assert says(guard, token, behind="accept") == "good"
    with pytest.raises(GuardError):
        await guard.check("nonsense")
    assert asyncio.all_tasks() == before


@pytest.mark.anyio
async def test_the_async_guard_decides_while_it_is_revoked(server: Demo) -> None:
    async with AsyncGuard(**settings_of(server)) as guard:
        assert await guard.wait_ready(10)
        session = server.signed_in(0)
        token = session["access_token"]
        received = asyncio.Event()

        async def revoke() -> None:
            path = f"/v1/sessions/{session['session_id']}"
            receipt = await asyncio.to_thread(server.call, "DELETE", path, wait_ms=5000)
            assert receipt["guards"] == {"following": 1, "applied": 1}
            received.set()

        revoking = asyncio.ensure_future(revoke())
        accepted = 0
        while not received.is_set():
            accepted += says(guard, token) == "good"
            await asyncio.sleep(0)
        await revoking
        assert accepted > 0
        assert {says(guard, token) for _ in range(100)} == {"session_ended revoked_by_admin"}


def test_an_async_guard_outlives_its_loop(server: Demo) -> None:
    guard = AsyncGuard(**settings_of(server, ready_timeout=10.0))
    token = server.signed_in(0)["access_token"]

    async def check(turns: int) -> str:
        said = (await guard.check(token)).sub
        for _ in range(turns):
            await asyncio.sleep(0)
        return said

    # Each loop ends at another point of what the guard has just begun in it.
    assert len({asyncio.run(check(turns)) for turns in range(50)}) == 1


@pytest.mark.anyio
async def test_a_guard_with_a_thread_can_be_awaited(server: Demo) -> None:
    network = WithoutFeed()
    http = lambda: httpx.AsyncClient(transport=network)  # noqa: E731
    guard = Guard(**settings_of(server, ready_timeout=0.5, behind="introspect", http=http))
    token = server.signed_in(0)["access_token"]
    with guard:
        await asyncio.to_thread(until, lambda: 'key_fetches_total{outcome="done"} 1\n' in guard.metrics_text())
        # Without the feed the server has to be asked, which must not hold this loop up.
        assert (await guard.acheck(token)).aud == "sessionwire"
        with pytest.raises(GuardError) as forbidden:
            await guard.acheck(token, requires="everything")
        assert forbidden.value.code == "forbidden"
        assert 'introspections_total{outcome="active"} 2\n' in guard.metrics_text()
    with pytest.raises(GuardError) as closed:
        await guard.acheck(token)
    assert closed.value.code == "cannot_decide"
