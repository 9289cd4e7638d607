"""The index against a model that remembers everything: whatever happens, in whatever pieces it comes."""

from contextlib import suppress
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionwire_guard import strict
from sessionwire_guard.claims import Claims
from sessionwire_guard.feed import Changes, FeedFault, FeedState, Snapshot, named, read_message
from sessionwire_guard.index import ENDS, Change, Ended, Stale
from sessionwire_guard.reasons import SENTENCES

ENTRIES_MAX = 10_000
GROUPS = ["analysts", "editors", "admins"]
SESSIONS = ["s0", "s1", "s2", "s3"]
USERS = ["u0", "u1", "u2"]

reasons = st.sampled_from(sorted(SENTENCES))
meanings = st.one_of(
    st.none(),
    st.tuples(st.just("session_ended"), st.sampled_from(SESSIONS), reasons),
    st.tuples(st.just("user_ended"), st.sampled_from(USERS), reasons),
    st.tuples(st.just("everybody_ended"), st.just(""), reasons),
    st.tuples(st.just("user_rights_changed"), st.sampled_from(USERS), st.none()),
    st.tuples(st.just("group_rights_changed"), st.sampled_from(GROUPS), st.none()),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Change | None]:
    """The log, a change or nothing at each position from 1 on. A session ends once."""
    log: list[Change | None] = []
    over = set()
    for seq, meaning in enumerate(draw(st.lists(meanings, max_size=60)), 1):
        if meaning is None or meaning in over:
            log.append(None)
            continue
        kind, key, reason = meaning
        if kind == "session_ended":
            over |= {(kind, key, other) for other in SENTENCES}
        log.append(Change(kind, key, reason, seq, keep_until=2**62))
    return log


tokens = st.builds(
    Claims,
    iss=st.just(""),
    sub=st.sampled_from(USERS),
    aud=st.just(""),
    client_id=st.just(""),
    iat=st.just(0),
    exp=st.just(0),
    jti=st.just(""),
    sid=st.sampled_from(SESSIONS),
    device_id=st.just(""),
    auth_time=st.just(0),
    groups=st.lists(st.sampled_from(GROUPS), unique=True).map(tuple),
    permissions=st.just(()),
    as_of=st.integers(0, 60),
    fence=st.just(0),
    generation=st.just(0),
)


def takes_away(change: Change, claims: Claims) -> bool:
    """The table of `docs/feed.md`, row by row."""
    rows = {
        "session_ended": claims.sid == change.key,
        "user_ended": claims.sub == change.key and claims.as_of < change.seq,
        "everybody_ended": claims.as_of < change.seq,
        "user_rights_changed": claims.sub == change.key and claims.as_of < change.seq,
        "group_rights_changed": change.key in claims.groups and claims.as_of < change.seq,
    }
    return rows[change.kind]


def expected(log: list[Change | None], claims: Claims) -> tuple[str, int | None, str | None]:
    """What the specification says of a token, by a look at everything that ever was. An index keeps one entry for
    each session, user and group, so that of several changes the last counts."""
    kept = {(change.kind, change.key): change for change in log if change is not None}
    bad = [change for change in kept.values() if takes_away(change, claims)]
    ends = [change for change in bad if change.kind in ENDS]
    if ends:
        first = min(ends, key=lambda change: change.seq)
        return ("ended", first.seq, first.reason)
    return ("stale", max(change.seq for change in bad), None) if bad else ("good", None, None)


def found(state: FeedState, claims: Claims) -> tuple[str, int | None, str | None]:
    assert state.index is not None
    verdict = state.index.verdict(claims)
    if isinstance(verdict, Ended):
        return ("ended", verdict.seq, verdict.reason)
    return ("stale", verdict.seq, None) if isinstance(verdict, Stale) else ("good", None, None)


def stretch(log: list[Change | None], after: int, upto: int) -> Changes:
    return Changes(after, upto, len(log), [change for change in log[after:upto] if change is not None])


@given(logs(), st.lists(tokens, min_size=1), st.lists(st.integers(1, 12), min_size=1), st.integers(0, 60), st.data())
def test_the_index_says_what_the_whole_log_says(
    log: list[Change | None], claims: list[Claims], steps: list[int], first: int, data: st.DataObject
) -> None:
    first = min(first, len(log))
    # The snapshot that a server sends which had seen the first part.
    origin = FeedState()
    origin.take(Snapshot(0, [], more=False), ENTRIES_MAX)
    origin.take(stretch(log, 0, first), ENTRIES_MAX)
    assert origin.index is not None
    notes = data.draw(st.permutations(list(origin.index.notes())))
    state = FeedState()
    while len(notes) > 3:
        state.take(Snapshot(first, notes[:3], more=True), ENTRIES_MAX)
        assert state.position is None
        notes = notes[3:]
    state.take(Snapshot(first, notes, more=False), ENTRIES_MAX)
    for step in cycle(steps):
        position = state.position
        assert position is not None
        if position >= len(log):
            break
        # What has been left out is noticed, and changes nothing.
        for gap in (stretch(log, position + 1, len(log) + 1), stretch(log, max(position - 1, 0), position - 1)):
            with pytest.raises(FeedFault, match="gap"):
                state.take(gap, ENTRIES_MAX)
        assert state.position == position
        state.take(stretch(log, position, min(position + step, len(log))), ENTRIES_MAX)
    for each in claims:
        assert found(state, each) == expected(log, each)


@given(logs(), tokens)
def test_a_change_concerns_whom_it_takes_the_token_from(log: list[Change | None], claims: Claims) -> None:
    for change in log:
        if change is not None:
            assert change.concerns(claims) == takes_away(change, claims)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
members = st.dictionaries(
    st.sampled_from(["seq", "after", "head", "changes", "more", "reader", "heartbeat_ms", "code", "kind"]),
    json_values | st.integers(0, 200),
)


@given(st.sampled_from(["hello", "snapshot", "changes", "reset", "problem", "x"]), json_values | members)
def test_no_message_brings_the_reader_down(event: str, data: Any) -> None:
    state = FeedState()
    state.take(Snapshot(100, [], more=False), ENTRIES_MAX)
    try:
        state.take(named(event, data), ENTRIES_MAX)
    except (FeedFault, strict.Unreadable):
        assert state.position == 100


@given(st.binary(max_size=200))
def test_no_bytes_bring_the_reader_down(data: bytes) -> None:
    for event in ("hello", "snapshot", "changes", "problem"):
        with suppress(FeedFault):
            read_message(event, data)
