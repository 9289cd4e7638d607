"""Servers that misbehave: each fault is bounded, none is believed, and what comes after it is taken up again."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from sessionwire_guard import Guard
from sessionwire_guard.sse import MESSAGE_BYTES_MAX

from .conftest import GuardOf
from .support.cores import FAR, session_ended
from .support.fake import Fake, Stream, fake
from .support.tokens import LAPTOP, Signer
from .support.waiting import says, until, verdict

ENDED = {"seq": 101, "keep_until": FAR, **session_ended()}


def metric(guard: Guard, name: str) -> float:
    found = re.search(rf"^sessionwire_guard_{re.escape(name)} (.*)$", guard.metrics_text(), re.MULTILINE)
    assert found, name
    return float(found[1])


def beat(stream: Stream, position: int = 100) -> None:
    """Goes on as a good server does, until the reader goes away."""
    while not stream.wait_closed(0.5):
        stream.changes(position, position)


def well(stream: Stream, position: int = 100) -> None:
    """A good server at a position where nothing happens."""
    stream.begin()
    stream.hello(position)
    if stream.after != position:
        stream.snapshot(position)
    stream.changes(position, position)
    beat(stream, position)


def first(fault: Callable[[Stream], None]) -> Callable[[Stream], None]:
    """The first connection has a fault after a good beginning, later ones are good."""

    def feed(stream: Stream) -> None:
        if stream.number > 1:
            well(stream)
            return
        stream.begin()
        stream.hello(100)
        stream.snapshot(100)
        stream.changes(100, 100)
        fault(stream)
        assert stream.wait_closed(), "the reader did not go away"

    return feed


def endless_line(stream: Stream) -> None:
    stream.raw(b"data: ")
    for _ in range(2 * MESSAGE_BYTES_MAX // 65536):
        stream.raw(b"x" * 65536)


def endless_message(stream: Stream) -> None:
    for _ in range(2 * MESSAGE_BYTES_MAX // 65536):
        stream.raw(b"data: " + b"x" * 65536 + b"\n")


def wrong_json(stream: Stream) -> None:
    stream.raw(b'event: changes\ndata: {"after": 100, "seq": \n\n')


def wrong_bytes(stream: Stream) -> None:
    stream.raw(b'event: changes\ndata: {"after": 100, "seq": 101, "head": 101, "changes": [], "x": "\xff"}\n\n')


def a_gap(stream: Stream) -> None:
    stream.changes(105, 106)


def backwards(stream: Stream) -> None:
    stream.changes(100, 99)


def a_change_of_elsewhere(stream: Stream) -> None:
    stream.changes(100, 101, {**ENDED, "seq": 150})


def a_kind_of_change_that_nobody_knows(stream: Stream) -> None:
    stream.changes(100, 101, {**ENDED, "kind": "planet_ended"})


def a_text_for_a_number(stream: Stream) -> None:
    stream.send("changes", after="100", seq=101, head=101, changes=[])


def changes_that_are_no_list(stream: Stream) -> None:
    stream.send("changes", after=100, seq=101, head=101, changes={"a": 1})


def a_problem(stream: Stream) -> None:
    stream.send("problem", code="cannot_decide", detail="the node is going away")


FAULTS = [
    endless_line,
    endless_message,
    wrong_json,
    wrong_bytes,
    a_gap,
    backwards,
    a_change_of_elsewhere,
    a_kind_of_change_that_nobody_knows,
    a_text_for_a_number,
    changes_that_are_no_list,
    a_problem,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_faulty_feed_is_dropped_and_read_on_from_the_position(
    fault: Callable[[Stream], None], guard_of: GuardOf
) -> None:
    with fake(first(fault)) as server:
        guard = guard_of(server)
        token = server.signer.token()
        until(lambda: len(server.streams) > 1 and guard.can_decide)
        assert server.streams[1].after == 100
        assert guard.position == 100
        assert says(guard, token) == "good"


def test_a_feed_that_is_nothing_but_faults_is_asked_less_and_less(guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        stream.begin()
        stream.hello(100)
        stream.snapshot(100)
        stream.changes(105, 106)
        stream.wait_closed()

    with fake(feed) as server:
        guard = guard_of(server)
        until(lambda: metric(guard, 'feed_faults_total{fault="gap"}') >= 3)
        begun_at, before = time.monotonic(), len(server.streams)
        until(lambda: time.monotonic() - begun_at > 3)
        # With waits of up to two seconds at random three seconds have room for some tries, not for a storm.
        assert len(server.streams) - before < 40


def test_a_partial_snapshot_is_never_used(guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        stream.begin()
        stream.hello(100)
        if stream.number == 1:
            stream.snapshot(100, ENDED, more=True)
            return
        stream.snapshot(100)
        beat(stream)

    with fake(feed) as server:
        guard = guard_of(server)
        assert len(server.streams) == 2
        assert server.streams[1].after is None
        assert says(guard, server.signer.token()) == "good"


def test_a_stalled_server_is_given_up(guard_of: GuardOf) -> None:
    def stall(stream: Stream) -> None:
        # A comment now and then is no message.
        while not stream.wait_closed(0.2):
            stream.raw(b": still here\n\n")

    def feed(stream: Stream) -> None:
        if stream.number > 1:
            well(stream)
            return
        stream.begin()
        stream.hello(100, heartbeat_ms=500)
        stream.snapshot(100)
        stall(stream)

    with fake(feed) as server:
        guard = guard_of(server, max_feed_lag=1.0)
        token = server.signer.token()
        until(lambda: says(guard, token) == "cannot_decide")
        until(lambda: len(server.streams) > 1)
        until(lambda: says(guard, token) == "good")


def test_a_server_that_never_answers_is_given_up(guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        if stream.number == 1:
            stream.wait_closed()
        else:
            well(stream)

    with fake(feed) as server:
        guard = guard_of(server, ready=False)
        until(lambda: guard.can_decide)
        assert len(server.streams) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stays_out(status: int, guard_of: GuardOf, caplog: pytest.LogCaptureFixture) -> None:
    with fake(lambda stream: stream.refuse(status)) as server:
        guard = guard_of(server, ready=False)
        until(lambda: metric(guard, "feed_reconnects_total") == 1)
        begun_at = time.monotonic()
        until(lambda: time.monotonic() - begun_at > 2.5)
        assert len(server.streams) == 1
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert str(status) in caplog.text
        assert "swk_test" not in caplog.text


@pytest.mark.parametrize("status", [204, 302, 404, 429, 500, 503])
def test_another_answer_is_no_feed(status: int, guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        if stream.number < 3:
            stream.refuse(status)
        else:
            well(stream)

    with fake(feed) as server:
        guard = guard_of(server, ready=False)
        until(lambda: guard.can_decide)
        assert len(server.streams) == 3


def test_a_page_is_no_feed(guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        if stream.number == 1:
            stream.begin("text/html")
            stream.hello(100)
            stream.snapshot(100)
        else:
            well(stream)

    with fake(feed) as server:
        guard = guard_of(server, ready=False)
        until(lambda: guard.can_decide)
        assert len(server.streams) == 2


def test_an_index_past_its_bound_is_not_decided_by(guard_of: GuardOf) -> None:
    many = [{**ENDED, "session_id": f"0199a8f0-0000-7000-8000-{number:012}"} for number in range(20)]

    def feed(stream: Stream) -> None:
        stream.begin()
        stream.hello(100)
        stream.snapshot(100, *many[:10], more=True)
        stream.snapshot(100, *many[10:])
        stream.wait_closed()

    with fake(feed) as server:
        guard = guard_of(server, ready=False, index_size_max=15)
        until(lambda: metric(guard, 'feed_faults_total{fault="too_large"}') > 0)
        assert guard.position is None
        assert says(guard, server.signer.token()) == "cannot_decide"


def test_positions_that_pile_up_are_acknowledged_by_the_latest(guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        stream.begin()
        stream.hello(100)
        stream.snapshot(100)
        for seq in range(100, 600):
            stream.changes(seq, seq + 1, head=600)
        beat(stream, 600)

    with fake(feed) as server:
        guard = guard_of(server)
        until(lambda: server.told and server.told[-1][1]["seq"] == 600)
        acknowledged = [body["seq"] for _, body in server.told]
        assert acknowledged == sorted(set(acknowledged))
        assert guard.position == 600
        # Where nothing moves nothing is acknowledged.
        until(lambda: metric(guard, "feed_messages_total") > 504)
        assert [body["seq"] for _, body in server.told] == acknowledged


def test_an_acknowledgement_that_fails_is_tried_again(guard_of: GuardOf) -> None:
    with fake(well) as server:
        server.answers["/v1/feed/acks"] = (500, b"")
        guard_of(server)
        del server.answers["/v1/feed/acks"]
        until(lambda: server.told)
        assert server.told[0] == ("/v1/feed/acks", {"reader": "0199a8f0-0000-7000-8000-000000000001", "seq": 100})


def test_a_reader_of_a_new_name_acknowledges_where_it_is(guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        if stream.number == 1:
            stream.begin()
            stream.hello(100)
            stream.snapshot(100)
            until(lambda: server.told)
            return
        well(stream)

    with fake(feed) as server:
        guard_of(server)
        until(lambda: len(server.told) > 1)
        assert [(body["reader"][-1], body["seq"]) for _, body in server.told] == [("1", 100), ("2", 100)]
        assert server.streams[1].after == 100


KEYS = "/.well-known/jwks.json"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (302, b""),
        (200, b"keys"),
        (200, b"[]"),
        (200, b'{"keys": 5}'),
        (200, json.dumps({"keys": [{}] * 101}).encode()),
        (200, b'{"keys": [], "x": "' + b"x" * 300_000 + b'"}'),
    ],
    ids=["500", "redirect", "no JSON", "a list", "no keys", "too many", "too long"],
)
def test_keys_that_are_none_take_nothing_away(status: int, body: bytes, guard_of: GuardOf) -> None:
    with fake(well) as server:
        server.answers[KEYS] = (status, body)
        guard = guard_of(server, ready=False)
        until(lambda: metric(guard, 'key_fetches_total{outcome="failed"}') > 0)
        until(lambda: guard.position == 100)
        token = server.signer.token()
        assert verdict(lambda: guard.check(token)) == "cannot_decide"
        del server.answers[KEYS]
        until(lambda: verdict(lambda: guard.check(token)) == "good")


def test_invented_keys_do_not_become_requests(guard_of: GuardOf) -> None:
    with fake(well) as server:
        guard = guard_of(server)
        asked = server.key_requests
        for _ in range(50):
            assert verdict(lambda: guard.check(Signer("invented").token())) == "token_invalid"
        assert server.key_requests == asked


def test_what_names_an_unknown_key_cannot_be_told_while_the_keys_cannot_be_had(guard_of: GuardOf) -> None:
    with fake(well) as server:
        guard = guard_of(server)
        server.answers[KEYS] = (503, b"")
        newer = Signer("k2")
        asked = server.key_requests
        begun_at = time.monotonic()
        until(lambda: time.monotonic() - begun_at > 5)
        assert verdict(lambda: guard.check(newer.token())) == "cannot_decide"
        assert server.key_requests > asked
        server.jwks = {"keys": [server.signer.jwk, newer.jwk]}
        del server.answers[KEYS]
        until(lambda: verdict(lambda: guard.check(newer.token())) == "good")


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"yes"),
        (200, b"[]"),
        (200, b'{"active": "true"}'),
        (200, b"{}"),
        (401, b""),
        (500, b""),
        (200, b"x" * 99_999),
    ],
    ids=["no JSON", "a list", "a text", "nothing", "401", "500", "too long"],
)
def test_an_answer_that_is_none_accepts_nobody(answer: tuple[int, bytes], guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        stream.refuse(503)

    with fake(feed) as server:
        server.answers["/oauth/introspect"] = answer
        guard = guard_of(server, ready=False, behind="introspect")
        until(lambda: metric(guard, 'key_fetches_total{outcome="done"}') > 0)
        assert verdict(lambda: guard.check(server.signer.token())) == "cannot_decide"


def test_reports_of_late_use_that_nobody_takes_are_counted_as_lost(guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        stream.begin()
        stream.hello(100)
        stream.snapshot(100)
        until(lambda: used)
        stream.changes(100, 101, {**ENDED, "age_ms": 60_000})
        beat(stream, 101)

    used: list[str] = []
    with fake(feed) as server:
        server.answers["/v1/feed/late-uses"] = (500, b"")
        guard = guard_of(server)
        used.append(verdict(lambda: guard.check(server.signer.token(sid=LAPTOP), what="GET /reports")))
        assert used == ["good"]
        until(lambda: metric(guard, 'late_uses_total{state="lost"}') == 1)
        assert metric(guard, 'late_uses_total{state="reported"}') == 0


def test_what_is_reported_is_bounded_and_clean(guard_of: GuardOf) -> None:
    def feed(stream: Stream) -> None:
        stream.begin()
        stream.hello(100)
        stream.snapshot(100)
        until(lambda: len(used) == 3)
        stream.changes(100, 101, {**ENDED, "age_ms": 60_000})
        beat(stream, 101)

    used: list[str] = []
    with fake(feed) as server:
        guard = guard_of(server)
        token = server.signer.token(sid=LAPTOP)
        whats = ("GET /" + "x" * 500, "GET /a\r\nb\x00c", " ")
        used.extend(verdict(lambda what=what: guard.check(token, what=what)) for what in whats)  # type: ignore[misc]
        until(lambda: told(server))
        ((uses,),) = ([body["uses"] for body in told(server)],)
        assert sorted(use["what"] for use in uses) == ["(not said)", "GET /abc", "GET /" + "x" * 195]
        assert {(use["count"], use["code"], use["seq"]) for use in uses} == {(1, "session_ended", 101)}
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", use["first_at"]) for use in uses)


def told(server: Fake) -> list[Any]:
    return [body for path, body in list(server.told) if path == "/v1/feed/late-uses"]
