"""Late use: which of the accepted uses came after the change that the guard had not heard of yet."""

import pytest

from sessionwire_guard.delays import Delays
from sessionwire_guard.uses import TOKENS_MAX, LateUse

from .support.cores import Bench, group_rights, session_ended, user_ended, user_rights
from .support.tokens import ANNA

OTHER = "0199a8f0-6d0e-7c55-8a4e-6c2f3f1f7aff"


def told(late: list[LateUse]) -> list[tuple[str, int, bool, int]]:
    return sorted((use.what, use.times, use.is_ended, use.seq) for use in late)


def use(bench: Bench, token: str, what: str = "GET /reports", times: int = 1, apart: float = 0.0) -> None:
    for _ in range(times):
        assert bench.says(token, what=what) == "good"
        bench.clock.move(apart)


def test_uses_after_the_event_are_late_and_those_before_are_not() -> None:
    bench = Bench()
    token = bench.token()
    use(bench, token, times=3, apart=0.1)
    bench.clock.move(0.5)
    use(bench, token, times=2, apart=0.1)
    use(bench, token, "POST /reports", apart=0.1)
    # 0.3 s ago the three last uses begin; the event happened 0.4 s ago.
    late = bench.changes(session_ended(age_ms=400)).late
    assert told(late) == [("GET /reports", 2, True, 101), ("POST /reports", 1, True, 101)]
    first = min(late, key=lambda it: it.what)
    assert round(first.last_at - first.first_at, 3) == 0.1
    assert first.claims.sub == ANNA


def test_a_use_is_told_once() -> None:
    bench = Bench()
    token = bench.token()
    use(bench, token)
    bench.clock.move(0.1)
    assert len(bench.changes(user_rights(age_ms=200)).late) == 1
    assert bench.changes(session_ended(age_ms=300)).late == []
    assert bench.says(token) == "session_ended revoked_by_admin"
    assert bench.core.counts.get("late_uses", "found") == 1


def test_of_several_changes_the_end_is_what_it_came_too_late_for() -> None:
    bench = Bench()
    use(bench, bench.token())
    bench.clock.move(0.1)
    late = bench.changes(
        group_rights("analysts", age_ms=150),
        user_ended(age_ms=150),
        session_ended(age_ms=150),
        user_rights(age_ms=150),
    ).late
    assert told(late) == [("GET /reports", 1, True, 102)]


def test_whom_a_change_does_not_concern_is_not_told_of() -> None:
    bench = Bench()
    use(bench, bench.token())
    use(bench, bench.token(as_of=500))
    bench.clock.move(0.1)
    late = bench.changes(
        session_ended(OTHER, age_ms=1000),
        user_ended(OTHER, age_ms=1000),
        user_rights(OTHER, age_ms=1000),
        group_rights("editors", age_ms=1000),
    ).late
    assert late == []
    late = bench.changes(group_rights("analysts", age_ms=1000)).late
    assert told(late) == [("GET /reports", 1, False, 105)]


def test_everybodys_end_reaches_all() -> None:
    bench = Bench()
    for user in (ANNA, OTHER):
        use(bench, bench.token(sub=user, sid=user))
    bench.clock.move(0.1)
    everybody = {"kind": "everybody_ended", "reason": "revoke_all", "age_ms": 200}
    assert len(bench.changes(everybody).late) == 2


def test_without_an_age_the_last_moment_in_sync_counts() -> None:
    bench = Bench()
    token = bench.token()
    use(bench, token)
    bench.clock.move(0.5)
    bench.changes()
    bench.clock.move(0.5)
    use(bench, token, "POST /reports")
    late = bench.changes(session_ended()).late
    assert told(late) == [("POST /reports", 1, True, 101)]


def test_a_message_that_was_held_up_is_older_than_it_says() -> None:
    bench = Bench()
    for _ in range(3):
        bench.sent_now()
        bench.changes()
        bench.clock.move(1)
    bench.sent_now()
    token = bench.token()
    use(bench, token, "GET /before")
    bench.clock.move(0.1)
    # It happens, and is sent at once; what is used until it comes is late.
    bench.sent_now()
    bench.clock.move(0.4)
    use(bench, token, "GET /reports")
    bench.clock.move(0.1)
    assert told(bench.changes(session_ended(age_ms=5)).late) == [("GET /reports", 1, True, 101)]


def test_a_clock_that_was_set_is_believed_after_a_while() -> None:
    delays = Delays()
    assert delays.note(1.02, 1_790_000_001_000) == 0
    assert delays.note(2.03, 1_790_000_002_000) == pytest.approx(0.01, abs=1e-5)
    assert delays.note(3.9, 1_790_000_003_000) == pytest.approx(0.88, abs=1e-5)
    assert delays.note(4.01, 1_790_000_004_000) == 0
    assert delays.note(5.0, None) == 0
    for beat in range(64):
        delays.note(6.0 + beat, 1_780_000_000_000 + beat * 1000)
    assert delays.note(80.0, 1_780_000_074_000) == pytest.approx(0, abs=1e-5)


def test_a_busy_token_stays_small_and_the_last_use_is_exact() -> None:
    bench = Bench()
    token = bench.token()
    for _ in range(200):
        use(bench, token, apart=0.025)
        bench.changes()
    stretches = next(iter(bench.core._uses._tokens.values())).things["GET /reports"]
    assert len(stretches) <= 64
    assert sum(stretch.count for stretch in stretches) == 200
    late = bench.changes(session_ended(age_ms=1005)).late
    # At least so often: of a long stretch only the last use is known to be late.
    ((_, times, _, _),) = told(late)
    assert 1 <= times <= 40


def test_what_is_remembered_has_bounds() -> None:
    bench = Bench()
    token = bench.token()
    for number in range(20):
        bench.says(token, what=f"GET /{number}")
    assert bench.core.counts.get("uses_unremembered") == 4
    claims = next(iter(bench.core._uses._tokens.values())).claims
    uses = bench.core._uses
    for number in range(TOKENS_MAX + 5):
        other = type(claims)(**{**{name: getattr(claims, name) for name in claims.__slots__}, "jti": str(number)})
        uses.note(other, "GET /", 0.0, 0.0)
    assert len(uses) == TOKENS_MAX


def test_old_uses_are_forgotten_but_not_while_the_feed_is_cut() -> None:
    bench = Bench(behind="accept")
    use(bench, bench.token())
    for _ in range(11):
        bench.clock.move(1)
        bench.changes()
    list(bench.core.sweep(everything=False))
    assert len(bench.core._uses) == 1
    for _ in range(2):
        bench.clock.move(1)
        bench.changes()
    list(bench.core.sweep(everything=False))
    assert len(bench.core._uses) == 0
    assert bench.core._uses._by_session == {}
    assert bench.core._uses._by_user == {}
    use(bench, bench.token())
    bench.clock.move(60)
    list(bench.core.sweep(everything=False))
    assert len(bench.core._uses) == 1
    assert len(bench.changes(session_ended(age_ms=61_000)).late) == 1
