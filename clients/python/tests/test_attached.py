"""Tokens of other issuers: one question about each, and from then on the feed decides."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sessionwire_guard import AsyncGuard, Guard, SettingsError
from sessionwire_guard.claims import Claims, claims_from
from sessionwire_guard.core import AskForeign, Core
from sessionwire_guard.errors import GuardError
from sessionwire_guard.feed import named
from sessionwire_guard.foreign import Attached, hint_of
from sessionwire_guard.settings import Settings

from .conftest import GuardOf, settings_of
from .support.clock import SetClock
from .support.fake import Stream, fake
from .support.issuer import Issuer, issuer
from .support.proxy import wire
from .support.server import Demo, demo
from .support.tokens import AUDIENCE, ISSUER, Signer
from .support.waiting import says, until, verdict

FILE = Path(__file__).parents[3] / "tests" / "vectors" / "foreign.json"
# How fast a machine is, is not what is tried; where it is, the test says so.
PATIENT = 3600.0
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shop() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture(scope="module")
def server(shop: Issuer) -> Iterator[Demo]:
    with demo(**shop.settings) as running:
        yield running


@pytest.fixture
def guard(server: Demo, shop: Issuer, guard_of: GuardOf) -> Guard:
    made = guard_of(server, issuers=[shop.url], max_feed_lag=PATIENT)
    until(lambda: made.can_decide)
    return made


def asked(guard: Guard | Core) -> list[int]:
    counts = guard.core.counts if isinstance(guard, Guard) else guard.counts
    return [counts.get("introspections", outcome) for outcome in ("active", "inactive", "unanswered")]


def test_one_question_for_ten_thousand_requests_and_none_accepted_after_the_receipt(
    server: Demo, shop: Issuer, guard: Guard, guard_of: GuardOf
) -> None:
    token = shop.token("anna", "one")
    assert says(guard, token) == "cannot_decide"
    with ThreadPoolExecutor(20) as threads:
        found = list(threads.map(lambda _: guard.check(token), range(50)))
    claims = guard.check_now(token)
    assert all(it is claims for it in found)
    for _ in range(10_000):
        guard.check_now(token)
    assert asked(guard) == [1, 0, 0]
    receipt = server.call("DELETE", f"/v1/sessions/{claims.sid}")
    assert receipt["guards"] == {"following": 1, "applied": 1}
    assert says(guard, token) == "session_ended revoked_by_admin"
    assert verdict(lambda: guard.check(token)) == "session_ended revoked_by_admin"
    assert asked(guard) == [1, 0, 0]
    assert guard.check(shop.token("anna", "other")).sub == claims.sub
    plain = guard_of(server, max_feed_lag=PATIENT)
    until(lambda: plain.can_decide)
    assert verdict(lambda: plain.check(token)) == "token_invalid"
    assert asked(plain) == [0, 0, 0]
    late = guard_of(server, issuers=[shop.url], max_feed_lag=PATIENT)
    until(lambda: late.can_decide)
    assert verdict(lambda: late.check(token)) == "token_invalid"


def test_changed_rights_hold_from_the_next_request_on(server: Demo, shop: Issuer, guard: Guard) -> None:
    token = shop.token("ben", "rights")

    def may_read(_: int = 0) -> str:
        return verdict(lambda: guard.check(token, requires="reports:read"))

    assert may_read() == "forbidden"
    member = f"/v1/groups/{server.groups['analysts']}/members/{guard.check(token).sub}"
    server.call("PUT", member, {})
    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(may_read, range(50))) == {"good"}
    assert asked(guard) == [2, 0, 0]
    server.call("DELETE", member)
    assert [may_read(), may_read()] == ["forbidden", "forbidden"]
    assert asked(guard) == [3, 0, 0]


def test_an_outage_takes_away_what_was_never_seen(server: Demo, shop: Issuer, guard_of: GuardOf) -> None:
    seen, unseen = shop.token("carla", "seen"), shop.token("carla", "unseen")
    with wire(server.url) as line:
        common = {"url": line.url, "issuers": [shop.url]}
        patient = guard_of(server, **common, max_feed_lag=PATIENT)
        guard = guard_of(server, **common, max_feed_lag=1.5)
        for one in (patient, guard):
            until(lambda one=one: verdict(lambda: one.check(seen)) == "good")  # type: ignore[misc]
        line.cut()
        assert verdict(lambda: patient.check(seen)) == "good"
        assert verdict(lambda: patient.check(unseen)) == "cannot_decide"
        until(lambda: verdict(lambda: guard.check(seen)) == "cannot_decide")
        assert verdict(lambda: guard.check(seen, behind="accept")) == "good"
        assert verdict(lambda: guard.check(unseen, behind="accept")) == "cannot_decide"
        assert verdict(lambda: guard.check(seen, behind="introspect")) == "cannot_decide"
        line.mend()
        until(lambda: guard.can_decide)
        until(lambda: verdict(lambda: guard.check(unseen)) == "good")


@pytest.mark.anyio
async def test_in_an_event_loop_too(server: Demo, shop: Issuer) -> None:
    token = shop.token("dora", "loop")
    async with AsyncGuard(**settings_of(server, issuers=[shop.url], max_feed_lag=PATIENT)) as guard:
        assert await guard.wait_ready(10)
        found = await asyncio.gather(*(guard.check(token) for _ in range(50)))
        assert len(set(map(id, found))) == 1
        assert guard.core.counts.get("introspections", "active") == 1


def test_invented_tokens_cost_a_bounded_number_of_questions(server: Demo, shop: Issuer, guard_of: GuardOf) -> None:
    clock = SetClock(float(int(time.time())))
    guard = guard_of(server, issuers=[shop.url], clock=clock, max_feed_lag=PATIENT)
    until(lambda: guard.can_decide)
    known, whole = shop.token("emil", "known"), shop.token("emil", "whole")
    guard.check(known)

    def check(token: str) -> str:
        return verdict(lambda: guard.check(token))

    assert check(shop.token("emil", "known", iss="https://elsewhere.example")) == "token_invalid"
    assert check(shop.token("emil", "known", exp=int(time.time()) - 400)) == "token_expired"
    assert check(whole.rpartition(".")[0]) == "token_invalid"
    assert asked(guard) == [1, 0, 0]
    forged = shop.token("emil", "whole", by=Signer())
    assert [check(forged) for _ in range(3)] == ["token_invalid"] * 3
    assert asked(guard) == [1, 1, 0]
    clock.move(10)
    assert check(forged) == "token_invalid"
    assert asked(guard) == [1, 2, 0]
    head = whole.rpartition(".")[0]
    found = [check(f"{head}.{number:08}") for number in range(1_010)]
    assert (found.count("token_invalid"), found.count("cannot_decide")) == (999, 11)
    assert check(known) == "good"
    assert check(whole) == "cannot_decide"
    clock.move(1)
    assert check(whole) == "good"


def core_with(answer: dict[str, Any]) -> tuple[Core, SetClock, str, Claims]:
    """A core in sync at 100, a foreign token of one of its issuers, and the claims that the server would answer."""
    clock = SetClock(VECTORS["now"])
    settings = Settings(
        url="http://127.0.0.1:9",
        api_key="swk_test",
        issuer=VECTORS["issuer"],
        audience=VECTORS["audience"],
        issuers=[VECTORS["hints"][0]["iss"]],
        clock=clock,
    )
    core = Core(settings)
    core.take(named("snapshot", {"seq": 100, "changes": [], "more": False}))
    return core, clock, VECTORS["hints"][0]["token"], claims_from({**VECTORS["answers"][0]["answer"], **answer})


def hear(core: Core, after: int, seq: int, **change: Any) -> None:
    known = {"seq": seq, "keep_until": VECTORS["now"] + 3600, **change}
    core.take(named("changes", {"after": after, "seq": seq, "head": seq, "changes": [known]}))


def test_it_does_not_matter_whether_the_answer_or_the_change_comes_first() -> None:
    core, _, token, old = core_with({"as_of": 104})
    _, _, _, young = core_with({"as_of": 106})
    hear(core, 100, 105, kind="user_rights_changed", user_id=old.sub)
    answer = core.foreign_answered(b"one", old)
    assert isinstance(answer, Attached)
    assert core.judge_answer(answer, None, None, "") is None, "older than the change: asked again"
    answer = core.foreign_answered(b"one", young)
    assert isinstance(answer, Attached)
    assert core.judge_answer(answer, None, None, "") is young

    core, _, token, young = core_with({"as_of": 106})
    answer = core.foreign_answered(b"one", young)
    assert isinstance(answer, Attached)
    hear(core, 100, 105, kind="user_rights_changed", user_id=young.sub)
    assert core.judge_answer(answer, None, None, "") is young, "younger than the change"
    hear(core, 105, 107, kind="session_ended", session_id=young.sid, reason="signed_out")
    with pytest.raises(GuardError) as ended:
        core.judge_answer(answer, None, None, "")
    assert (ended.value.code, ended.value.reason) == ("session_ended", "signed_out")
    assert isinstance(core.look(token, None, None, ""), AskForeign), "another token of it was never seen"


def test_it_is_asked_about_again_before_the_session_runs_out() -> None:
    core, clock, token, claims = core_with({"exp": VECTORS["now"] + 100})
    core.foreign_answered(hashlib.sha256(token.encode()).digest(), claims)
    assert core.look(token, None, None, "") is claims
    clock.move(49)
    core.take(named("changes", {"after": 100, "seq": 100, "head": 100, "changes": []}))
    assert core.look(token, None, None, "") is claims
    clock.move(2)
    assert isinstance(core.look(token, None, None, ""), AskForeign)
    clock.move(50)
    core.take(named("changes", {"after": 100, "seq": 100, "head": 100, "changes": []}))
    with pytest.raises(GuardError, match="expired"):
        core.look(token, None, None, "")


@pytest.mark.parametrize("case", VECTORS["hints"], ids=lambda case: case["name"])
def test_hints_are_read_as_the_vectors_say(case: Any) -> None:
    hint = hint_of(case["token"])
    assert (hint.iss if hint else None) == case["iss"]
    assert (hint is not None and hint.is_over(VECTORS["now"])) == case["over"]


def test_answers_are_read_as_the_vectors_say(guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        stream.begin()
        stream.hello(100)
        stream.snapshot(100)
        stream.wait_closed()

    with fake(feed) as server:
        whole = VECTORS["hints"][0]
        clock = SetClock(VECTORS["now"])
        names = {"issuer": VECTORS["issuer"], "audience": VECTORS["audience"], "issuers": [whole["iss"]]}
        guard = guard_of(server, **names, clock=clock)
        for number, case in enumerate(VECTORS["answers"]):
            server.answers["/oauth/introspect"] = (200, json.dumps(case["answer"]).encode())
            found = verdict(lambda number=number: guard.check(f"{whole['token']}{number}"))  # type: ignore[misc]
            expected = {"active": "good", "inactive": "token_invalid", "unanswered": "cannot_decide"}
            assert found == expected[case["said"]], case["name"]


@pytest.mark.parametrize("issuers", ["https://x.example", [""], [ISSUER]])
def test_issuers_that_can_be_none_are_refused(issuers: Any) -> None:
    with pytest.raises(SettingsError, match="issuers"):
        Guard(url="https://s.example", api_key="swk_x", issuer=ISSUER, audience=AUDIENCE, issuers=issuers)
