"""The core by itself: lag and what happens past it, the cache, keys that go, bounds, fences, forgetting."""

import itertools

import pytest

from sessionwire_guard import GuardError, Settings, SettingsError
from sessionwire_guard.claims import Claims
from sessionwire_guard.feed import FeedFault
from sessionwire_guard.fence import Fences

from .support.cores import FAR, NOW, Bench, group_rights, session_ended, user_rights
from .support.tokens import ANNA, LAPTOP, Signer

OTHER = "0199a8f0-6d0e-7c55-8a4e-6c2f3f1f7aff"


def claims_of(bench: Bench, token: str) -> Claims:
    said = bench.core.look(token, None, None, "")
    assert isinstance(said, Claims)
    return said


@pytest.mark.parametrize(
    ("lag", "refuse", "introspect", "accept"), [(2.0, "good", "good", "good"), (2.01, "cannot_decide", "ask", "good")]
)
def test_past_the_lag_the_route_decides(lag: float, refuse: str, introspect: str, accept: str) -> None:
    bench = Bench()
    token = bench.token()
    bench.clock.move(lag)
    assert bench.says(token) == refuse
    assert bench.says(token, behind="refuse") == refuse
    assert bench.says(token, behind="introspect") == introspect
    assert bench.says(token, behind="accept") == accept
    bench.changes()
    assert bench.says(token) == "good"


def test_the_guards_own_choice_is_what_a_route_does_not_override() -> None:
    for chosen, expected in (("refuse", "cannot_decide"), ("introspect", "ask"), ("accept", "good")):
        bench = Bench(behind=chosen)
        bench.clock.move(10)
        assert bench.says(bench.token()) == expected
        assert bench.says(bench.token(), behind="refuse") == "cannot_decide"


def test_before_the_first_snapshot_only_a_route_that_says_so_accepts() -> None:
    bench = Bench(begun=False, behind="accept")
    token = bench.token()
    assert bench.says(token) == "cannot_decide"
    assert bench.says(token, behind="accept") == "good"
    assert bench.says(token, behind="introspect") == "ask"
    bench.hears("snapshot", seq=100, changes=[], more=False)
    assert bench.says(token) == "good"
    bench.hears("reset")
    assert bench.says(token) == "cannot_decide"


def test_a_snapshot_that_is_behind_is_not_in_sync() -> None:
    bench = Bench(begun=False)
    bench.hears("hello", reader=OTHER, head=120, heartbeat_ms=1000)
    bench.hears("snapshot", seq=100, changes=[], more=False)
    assert bench.says(bench.token()) == "cannot_decide"
    assert not bench.core.can_decide
    bench.hears("changes", after=100, seq=119, head=120, changes=[])
    assert bench.says(bench.token()) == "cannot_decide"
    bench.hears("changes", after=119, seq=120, head=120, changes=[])
    assert bench.says(bench.token()) == "good"
    assert bench.core.can_decide


def test_time_spent_behind_counts_although_messages_come() -> None:
    bench = Bench()
    for _ in range(3):
        bench.clock.move(0.9)
        bench.changes(session_ended(OTHER), head=1000)
    assert bench.core.lag == pytest.approx(2.7)
    assert bench.says(bench.token()) == "cannot_decide"


def test_what_is_known_to_be_bad_is_refused_whatever_is_chosen() -> None:
    bench = Bench()
    bench.changes(session_ended())
    bench.clock.move(100)
    for behind in ("refuse", "introspect", "accept"):
        assert bench.says(bench.token(), behind=behind) == "session_ended revoked_by_admin"
        assert bench.says(bench.token(exp=NOW + 50), behind=behind) == "token_expired"


def test_the_verdicts_have_an_order() -> None:
    """Each fault alone and with every one that comes later in the contract's order."""
    order = ["token_invalid", "token_expired", "session_ended revoked_by_admin", "token_stale"]
    order += ["cannot_decide", "forbidden"]
    for size in range(1, len(order) + 1):
        for faults in itertools.combinations(order, size):
            bench = Bench()
            if order[2] in faults:
                bench.changes(session_ended())
            if order[3] in faults:
                bench.changes(user_rights())
            if order[4] in faults:
                bench.clock.move(5)
            token = bench.token(
                exp=NOW - 1 if order[1] in faults else NOW + 300,
                aud="payroll" if order[0] in faults else "reports-api",
            )
            requires = "reports:write" if order[5] in faults else "reports:read"
            assert bench.says(token, requires=requires) == faults[0], faults


def test_a_token_that_is_none() -> None:
    bench = Bench()
    assert bench.says(None) == "token_missing"
    assert bench.says("") == "token_invalid"
    assert bench.says("good.mörning.all") == "token_invalid"
    assert bench.says("\ud800") == "token_invalid"
    assert bench.says("a" * 20_000) == "token_invalid"
    assert bench.says(Signer("k2").token()) == "unknown key"


def test_without_keys_nothing_can_be_told() -> None:
    bench = Bench()
    bench.core._keys = None
    assert bench.says(bench.token()) == "cannot_decide"
    assert not bench.core.can_decide


def test_leeway_is_only_what_was_set() -> None:
    for leeway, expected in ((0, "token_expired"), (30, "good")):
        bench = Bench(leeway=leeway)
        assert bench.says(bench.token(exp=NOW - 29)) == expected
        assert bench.says(bench.token(exp=NOW - 30)) == "token_expired"


def test_a_repeated_token_is_looked_up_but_still_judged() -> None:
    bench = Bench()
    token = bench.token(exp=NOW + 60)
    assert [bench.says(token) for _ in range(3)] == ["good"] * 3
    assert (bench.core.counts.get("cache", "hit"), bench.core.counts.get("cache", "miss")) == (2, 1)
    bench.changes(group_rights("analysts"))
    assert bench.says(token) == "token_stale"
    bench.clock.move(60)
    assert bench.says(token) == "token_expired"
    assert bench.core.counts.get("cache", "miss") == 1


def test_the_cache_keeps_the_latest_and_no_token() -> None:
    bench = Bench(cache_size=2)
    first, second, third = (bench.token() for _ in range(3))
    for token in (first, second, first, third):
        bench.says(token)
    misses = bench.core.counts.get("cache", "miss")
    assert bench.says(first) == "good"
    assert bench.core.counts.get("cache", "miss") == misses
    assert bench.says(second) == "good"
    assert bench.core.counts.get("cache", "miss") == misses + 1
    assert len(bench.core._verified) == 2
    assert not any(isinstance(key, str) for key in bench.core._verified._tokens)
    none = Bench(cache_size=0)
    token = none.token()
    assert [none.says(token) for _ in range(2)] == ["good"] * 2
    assert none.core.counts.get("cache", "hit") == 0


def test_a_key_that_goes_takes_what_it_signed() -> None:
    bench = Bench()
    newer, same_name = Signer("k2"), Signer("k1")
    token = bench.token()
    assert bench.says(token) == "good"
    bench.publish(bench.signer, newer)
    assert bench.says(token) == "good"
    assert bench.core.counts.get("cache", "miss") == 1
    bench.publish(newer)
    assert bench.says(token) == "unknown key"
    bench.publish(bench.signer)
    assert bench.says(token) == "good"
    bench.publish(same_name)
    assert bench.says(token) == "token_invalid"


def test_an_index_has_a_bound() -> None:
    bench = Bench(index_size_max=10)
    sessions = [f"0199a8f0-0000-7000-8000-{number:012}" for number in range(12)]
    bench.changes(*(session_ended(session) for session in sessions[:10]))
    with pytest.raises(FeedFault) as fault:
        bench.changes(session_ended(sessions[10]))
    assert fault.value.fault == "too_large"
    assert bench.core.position == 110
    assert bench.core.counts.get("feed_faults", "too_large") == 1
    whole = [{"seq": 1, "keep_until": FAR, **session_ended(session)} for session in sessions]
    bench.hears("snapshot", seq=100, changes=whole[:6], more=True)
    with pytest.raises(FeedFault):
        bench.hears("snapshot", seq=100, changes=whole[6:], more=False)
    assert bench.core.begin_anew() == 110


def test_a_partial_snapshot_is_worth_nothing() -> None:
    bench = Bench(begun=False)
    ended = {"seq": 90, "keep_until": FAR, **session_ended()}
    bench.hears("snapshot", seq=100, changes=[ended], more=True)
    assert bench.core.position is None
    assert bench.core.begin_anew() is None
    bench.hears("snapshot", seq=100, changes=[], more=False)
    assert bench.says(bench.token()) == "good"


def test_what_no_living_token_can_be_concerned_by_is_forgotten() -> None:
    bench = Bench()
    soon = [session_ended(f"0199a8f0-0000-7000-8000-{number:012}", keep_until=NOW + 10) for number in range(2500)]
    bench.changes(*soon, user_rights(keep_until=NOW + 10), session_ended(), group_rights("analysts"))
    index = bench.core._state.index
    assert index is not None
    assert len(index) == 2503
    bench.clock.move(9.9)
    assert len(list(bench.core.sweep(everything=True))) > 2
    assert len(index) == 2503
    bench.clock.move(0.1)
    list(bench.core.sweep(everything=False))
    assert len(index) == 2503
    list(bench.core.sweep(everything=True))
    assert sorted(change.kind for change in index.notes()) == ["group_rights_changed", "session_ended"]
    bench.changes()
    assert bench.says(bench.token()) == "session_ended revoked_by_admin"


def test_a_write_of_an_older_session_is_fenced_off() -> None:
    bench = Bench()
    older = claims_of(bench, bench.token(fence=40))
    bench.core.admit(ANNA, older)
    newer = claims_of(bench, bench.token(fence=50, sid=OTHER))
    assert bench.core.fence_of(ANNA) == 50
    bench.core.admit(ANNA, newer)
    with pytest.raises(GuardError) as fenced:
        bench.core.admit(ANNA, older)
    assert (fenced.value.code, fenced.value.status) == ("fenced", 409)
    with pytest.raises(GuardError):
        bench.core.admit(OTHER, newer)
    assert bench.core.fence_of(OTHER) == 0
    # A token that is refused raises nothing.
    assert bench.says(bench.token(fence=90, aud="payroll")) == "token_invalid"
    assert bench.core.fence_of(ANNA) == 50


def test_a_fence_is_kept_for_as_long_as_an_older_token_may_live() -> None:
    bench = Bench()
    older = claims_of(bench, bench.token(fence=40, exp=NOW + 1000))
    claims_of(bench, bench.token(fence=50))
    bench.clock.move(1000)
    list(bench.core.sweep(everything=True))
    with pytest.raises(GuardError):
        bench.core.admit(ANNA, older)
    bench.clock.move(2)
    list(bench.core.sweep(everything=True))
    assert bench.core.fence_of(ANNA) == 0


def test_of_whom_no_fence_can_be_kept_nothing_is_admitted() -> None:
    bench = Bench()
    known = claims_of(bench, bench.token())
    stranger = claims_of(bench, bench.token(sub=OTHER))
    fences = Fences(users_max=1)
    fences.admit(ANNA, known, NOW)
    with pytest.raises(GuardError) as full:
        fences.admit(OTHER, stranger, NOW)
    assert full.value.code == "cannot_decide"
    fences.admit(ANNA, known, NOW)


def test_metrics_say_what_was_decided() -> None:
    bench = Bench()
    token = bench.token()
    for requires in ("reports:read", "reports:write"):
        bench.says(token, requires=requires)
    bench.says(None)
    bench.changes(session_ended())
    bench.says(token)
    text = bench.core.metrics_text()
    for line in (
        'sessionwire_guard_checks_total{verdict="good"} 1',
        'sessionwire_guard_checks_total{verdict="forbidden"} 1',
        'sessionwire_guard_checks_total{verdict="token_missing"} 1',
        'sessionwire_guard_checks_total{verdict="session_ended"} 1',
        'sessionwire_guard_cache_total{outcome="hit"} 2',
        "sessionwire_guard_feed_messages_total 2",
        "sessionwire_guard_position 101",
        "sessionwire_guard_feed_lag_seconds 0.000",
        "sessionwire_guard_index_entries 1",
        "sessionwire_guard_fresh 1",
    ):
        assert f"\n{line}\n" in f"\n{text}", line
    assert LAPTOP not in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "sessions.example"},
        {"url": "ftp://sessions.example"},
        {"url": "https://sessions.example?x=1"},
        {"api_key": ""},
        {"api_key": "swk with a space"},
        {"api_key": "swk\r\nx: y"},
        {"issuer": ""},
        {"audience": ""},
        {"max_feed_lag": 0.5},
        {"max_feed_lag": float("nan")},
        {"behind": "refused"},
        {"leeway": -1},
        {"leeway": 1000},
        {"cache_size": -1},
        {"index_size_max": 0},
    ],
    ids=str,
)
def test_settings_of_no_use_are_refused(wrong: dict[str, object]) -> None:
    good = {"url": "https://s.example", "api_key": "swk_x", "issuer": "i", "audience": "a"}
    Settings(**good)  # type: ignore[arg-type]
    with pytest.raises(SettingsError):
        Settings(**{**good, **wrong})  # type: ignore[arg-type]


def test_settings_do_not_show_the_key() -> None:
    settings = Settings(url="https://s.example", api_key="swk_secret", issuer="i", audience="a")
    assert "swk_secret" not in repr(settings)
