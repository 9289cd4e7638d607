"""A guard and the real server: what is revoked is refused, the feed is cut and mended, the server restarts."""

import threading
import time

import httpx
import jwt
import pytest

from sessionwire_guard import Guard, GuardError

from .conftest import GuardOf, claims_of, settings_of
from .support.network import WithoutFeed
from .support.proxy import wire
from .support.server import Demo, served
from .support.waiting import oldest_accept, says, until, verdict

MAX_LAG = 1.5


def test_what_is_revoked_is_refused_from_the_receipt_on(server: Demo, guard_of: GuardOf) -> None:
    guard = guard_of(server)
    session = server.signed_in(0)
    token = session["access_token"]
    claims = guard.check(token, requires="reports:read")
    assert (claims.sub, claims.sid) == (session["user"]["id"], session["session_id"])
    assert set(claims.groups) == {"staff", "analysts"}
    receipt = server.call("DELETE", f"/v1/sessions/{session['session_id']}")
    assert receipt["guards"] == {"following": 1, "applied": 1}
    assert guard.position is not None
    assert guard.position >= receipt["seq"]
    with pytest.raises(GuardError) as ended:
        guard.check(token)
    assert (ended.value.code, ended.value.status, ended.value.reason) == ("session_ended", 401, "revoked_by_admin")


def test_a_change_of_rights_makes_a_token_stale_and_a_refresh_makes_a_good_one(
    server: Demo, guard_of: GuardOf
) -> None:
    guard = guard_of(server)
    session = server.signed_in(0)
    user, group = session["user"]["id"], server.groups["analysts"]
    assert says(guard, session["access_token"], requires="reports:read") == "good"
    changed = server.call("DELETE", f"/v1/groups/{group}/members/{user}")
    assert changed["receipt"]["guards"] == {"following": 1, "applied": 1}
    assert says(guard, session["access_token"], requires="reports:read") == "token_stale"
    session = server.refresh(session["refresh_token"])
    assert says(guard, session["access_token"]) == "good"
    assert says(guard, session["access_token"], requires="reports:read") == "forbidden"
    server.call("PUT", f"/v1/groups/{group}/members/{user}")
    assert says(guard, session["access_token"]) == "token_stale"
    fresh = server.refresh(session["refresh_token"])["access_token"]
    server.call("PUT", f"/v1/groups/{group}/permissions", {"permissions": ["reports:read"]})
    assert says(guard, fresh) == "token_stale"


def test_what_a_retired_key_signed_is_refused_and_sessions_go_on(server: Demo, guard_of: GuardOf) -> None:
    guard = guard_of(server)
    session = server.signed_in(0)
    kid = guard.check(session["access_token"]).kid
    receipt = server.call("DELETE", f"/v1/signing-keys/{kid}")
    assert receipt["guards"] == {"following": 1, "applied": 1}
    assert says(guard, session["access_token"]) == "token_invalid"
    fresh = server.refresh(session["refresh_token"])["access_token"]
    assert verdict(lambda: guard.check(fresh)) == "good"
    late = guard_of(server)
    assert verdict(lambda: late.check(session["access_token"])) == "token_invalid"


def test_a_whole_user_and_everybody_can_be_ended(server: Demo, guard_of: GuardOf) -> None:
    guard = guard_of(server)
    anna, ben = server.signed_in(0), server.signed_in(1)
    server.call("DELETE", f"/v1/users/{ben['user']['id']}/sessions")
    assert says(guard, ben["access_token"]) == "session_ended revoked_by_admin"
    assert says(guard, anna["access_token"]) == "good"
    server.call("POST", "/v1/revoke-all")
    assert says(guard, anna["access_token"]) == "session_ended revoke_all"
    assert says(guard, server.signed_in(1)["access_token"]) == "good"


def test_receipts_count_every_guard(server: Demo, guard_of: GuardOf) -> None:
    guards = [guard_of(server) for _ in range(3)]
    session = server.signed_in(2)
    receipt = server.call("DELETE", f"/v1/sessions/{session['session_id']}")
    assert receipt["guards"] == {"following": 3, "applied": 3}
    assert {says(guard, session["access_token"]) for guard in guards} == {"session_ended revoked_by_admin"}


def test_a_guard_that_comes_later_knows_what_happened_before(server: Demo, guard_of: GuardOf) -> None:
    session = server.signed_in(2)
    server.call("DELETE", f"/v1/sessions/{session['session_id']}")
    assert says(guard_of(server), session["access_token"]) == "session_ended revoked_by_admin"


class Hammer:
    """Threads that check one token as fast as they can."""

    def __init__(self, guard: Guard, token: str) -> None:
        self._guard = guard
        self._token = token
        self._stop = threading.Event()
        self.accepted = [0] * 4
        self.refused: list[str] = []
        # When the last accepted check of each thread began.
        self.last_begun_at = [0.0] * 4
        self._threads = [threading.Thread(target=self._check, args=(number,)) for number in range(4)]
        for thread in self._threads:
            thread.start()

    def _check(self, number: int) -> None:
        while not self._stop.is_set():
            begun_at = time.monotonic()
            try:
                self._guard.check(self._token, what="GET /reports")
            except GuardError as error:
                self.refused.append(error.code)
            else:
                self.last_begun_at[number] = begun_at
                self.accepted[number] += 1

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("cache_size", [10_000, 0], ids=["cache", "no cache"])
def test_not_one_accept_after_the_receipt(server: Demo, guard_of: GuardOf, cache_size: int) -> None:
    guard = guard_of(server, cache_size=cache_size)
    for _ in range(5):
        session = server.signed_in(0)
        hammer = Hammer(guard, session["access_token"])
        try:
            until(lambda: all(count > 100 for count in hammer.accepted))  # noqa: B023
            receipt = server.call("DELETE", f"/v1/sessions/{session['session_id']}", wait_ms=5000)
            received_at = time.monotonic()
            refused_by_then = len(hammer.refused)
            until(lambda: len(hammer.refused) > refused_by_then + 1000)  # noqa: B023
        finally:
            hammer.stop()
        assert receipt["guards"] == {"following": 1, "applied": 1}
        assert all(0 < at < received_at for at in hammer.last_begun_at)
        assert set(hammer.refused) == {"session_ended"}


def test_a_cut_feed_is_noticed_in_time_and_mended_by_itself(server: Demo, guard_of: GuardOf) -> None:
    with wire(server.url) as line:
        guard = guard_of(server, url=line.url, max_feed_lag=MAX_LAG)
        kept, lost = server.signed_in(0)["access_token"], server.signed_in(1)
        assert says(guard, kept) == says(guard, lost["access_token"]) == "good"
        line.cut()
        assert MAX_LAG / 2 < oldest_accept(guard, kept) <= MAX_LAG
        assert says(guard, kept, behind="accept") == "good"
        receipt = server.call("DELETE", f"/v1/sessions/{lost['session_id']}", wait_ms=200)
        assert receipt["guards"] == {"following": 0, "applied": 0}
        position = guard.position
        line.mend()
        until(lambda: says(guard, kept) == "good")
        # What happened meanwhile came as the difference, not as a new snapshot.
        assert guard.position is not None
        assert position is not None
        assert guard.position > position
        assert says(guard, lost["access_token"]) == "session_ended revoked_by_admin"
        assert "sessionwire_guard_feed_resets_total 0\n" in guard.metrics_text()


def test_silence_is_noticed_like_a_cut(server: Demo, guard_of: GuardOf) -> None:
    with wire(server.url) as line:
        guard = guard_of(server, url=line.url, max_feed_lag=MAX_LAG)
        token = server.signed_in(0)["access_token"]
        assert says(guard, token) == "good"
        line.silence()
        assert MAX_LAG / 2 < oldest_accept(guard, token) <= MAX_LAG
        # The guard gives the connection up and asks for another before the wire is mended.
        until(lambda: "feed_reconnects_total 0\n" not in guard.metrics_text())
        line.mend()
        until(lambda: says(guard, token) == "good")


def test_a_restart_of_the_server_skips_nothing() -> None:
    with served() as server:
        server.start()
        for name in ("anna", "ben", "carla"):
            server.call("POST", "/v1/users", {"username": name, "password": f"{name} has a long password"})

        def sign_in(name: str) -> dict[str, str]:
            session: dict[str, str] = server.sign_in(name, f"{name} has a long password")
            return session

        kept, before, while_down = sign_in("anna"), sign_in("ben"), sign_in("carla")
        settings = settings_of(server, behind="accept")
        with Guard(**settings) as guard, Guard(**settings) as stopped:
            assert guard.wait_ready(10)
            assert stopped.wait_ready(10)
            server.call("DELETE", f"/v1/sessions/{before['session_id']}")
            stopped.close()
            position = guard.position
            server.stop()
            until(lambda: (guard.lag or 0) > 2.5)
            assert verdict(lambda: guard.check(kept["access_token"])) == "good"
            server.start()
            server.call("DELETE", f"/v1/sessions/{while_down['session_id']}", wait_ms=5000)
            until(lambda: says(guard, while_down["access_token"]) != "good")
            assert guard.position is not None
            assert position is not None
            assert guard.position > position
            assert says(guard, before["access_token"]) == "session_ended revoked_by_admin"
            assert says(guard, while_down["access_token"]) == "session_ended revoked_by_admin"
            assert says(guard, kept["access_token"]) == "good"
            assert "sessionwire_guard_feed_resets_total 0\n" in guard.metrics_text()
        # A service that starts anew gets all of it by a snapshot.
        with Guard(**settings) as anew:
            assert anew.wait_ready(10)
            assert says(anew, before["access_token"]) == "session_ended revoked_by_admin"
            assert says(anew, while_down["access_token"]) == "session_ended revoked_by_admin"
            assert says(anew, kept["access_token"]) == "good"


def test_a_new_key_is_taken_at_once_by_everybody_who_meets_it(server: Demo, guard_of: GuardOf) -> None:
    guard = guard_of(server)
    old = server.signed_in(0)["access_token"]
    assert says(guard, old) == "good"
    server.call("POST", "/v1/signing-keys", {})
    # A new key is listed for some seconds before it signs, so that it may be asked for by then.
    tokens = [old]

    def signs() -> bool:
        time.sleep(0.2)
        tokens.append(server.signed_in(0)["access_token"])
        return bool(jwt.get_unverified_header(tokens[-1])["kid"] != jwt.get_unverified_header(old)["kid"])

    until(signs)
    token = tokens[-1]
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(verdict(lambda: guard.check(token)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["good"] * 8
    assert 'key_fetches_total{outcome="done"} 2\n' in guard.metrics_text()


def test_a_key_of_the_wrong_scope_is_not_taken_and_that_is_said(
    server: Demo, guard_of: GuardOf, caplog: pytest.LogCaptureFixture
) -> None:
    token = server.signed_in(0)["access_token"]
    made = server.call("POST", "/v1/api-keys", {"name": "verifier", "scopes": ["verify"]})
    for key in (made["key"], "swk_of_nobody"):
        caplog.clear()
        guard = guard_of(server, api_key=key, ready=False)
        until(lambda: any(record.levelname == "ERROR" for record in caplog.records))
        assert says(guard, token, behind="refuse") == "cannot_decide"
        assert key not in caplog.text


def test_a_revoked_api_key_cuts_the_feed(server: Demo, guard_of: GuardOf, caplog: pytest.LogCaptureFixture) -> None:
    made = server.call("POST", "/v1/api-keys", {"name": "reader", "scopes": ["feed"]})
    guard = guard_of(server, api_key=made["key"])
    server.call("DELETE", f"/v1/api-keys/{made['id']}")
    until(lambda: any(record.levelname == "ERROR" for record in caplog.records))
    until(lambda: not guard.can_decide)


def test_late_use_is_told_to_the_server(guard_of: GuardOf, server: Demo) -> None:
    with wire(server.url) as line:
        guard = guard_of(server, url=line.url, behind="accept")
        session = server.signed_in(3)
        token = session["access_token"]
        assert verdict(lambda: guard.check(token, what="GET /early")) == "good"
        line.cut()
        receipt = server.call("DELETE", f"/v1/sessions/{session['session_id']}", wait_ms=0)
        # How late a use was is known but for the time that the news of the change takes to arrive.
        until(lambda: (guard.lag or 0) > 1)
        for what in ["GET /reports", "POST /reports"] * 5 + [""]:
            assert guard.check(token, what=what).sid == session["session_id"]
        line.mend()
        until(lambda: guard.position is not None and guard.position >= receipt["seq"])
        assert verdict(lambda: guard.check(token)) == "session_ended revoked_by_admin"
        until(lambda: 'late_uses_total{state="reported"} 3\n' in guard.metrics_text())
        told = [event["data"] for event in server.events("token.late_use")]
        mine = [event for event in told if event.get("jti") == claims_of(token)["jti"]]
        assert sorted((event["what"], event["count"]) for event in mine) == [
            ("(not said)", 1),
            ("GET /reports", 5),
            ("POST /reports", 5),
        ]
        assert {event["verdict"] for event in mine} == {"session_ended"}
        assert {event["change_seq"] for event in mine} == {receipt["seq"]}


def test_who_cannot_tell_can_ask_the_server(server: Demo, guard_of: GuardOf) -> None:
    network = WithoutFeed()
    guard = guard_of(server, ready=False, behind="introspect", http=lambda: httpx.AsyncClient(transport=network))
    until(lambda: 'key_fetches_total{outcome="done"} 1\n' in guard.metrics_text())
    kept, lost = server.signed_in(0)["access_token"], server.signed_in(1)
    assert says(guard, kept) == "cannot_decide"
    assert verdict(lambda: guard.check(kept)) == "good"
    assert verdict(lambda: guard.check(kept, requires="reports:read")) == "good"
    assert verdict(lambda: guard.check(kept, requires="everything")) == "forbidden"
    assert verdict(lambda: guard.check(kept, behind="refuse")) == "cannot_decide"
    server.call("DELETE", f"/v1/sessions/{lost['session_id']}", wait_ms=0)
    assert verdict(lambda: guard.check(lost["access_token"])) == "token_stale"
    metrics = guard.metrics_text()
    assert 'introspections_total{outcome="active"} 3\n' in metrics
    assert 'introspections_total{outcome="inactive"} 1\n' in metrics
    network.is_mended = True
    until(lambda: says(guard, kept) == "good")
    assert says(guard, lost["access_token"]) == "session_ended revoked_by_admin"


def test_where_nobody_answers_nothing_can_be_told(server: Demo, guard_of: GuardOf) -> None:
    with wire(server.url) as line:
        guard = guard_of(server, url=line.url, max_feed_lag=1.0, behind="introspect")
        token = server.signed_in(0)["access_token"]
        assert says(guard, token) == "good"
        line.cut()
        until(lambda: says(guard, token) == "cannot_decide")
        assert verdict(lambda: guard.check(token)) == "cannot_decide"
        assert 'introspections_total{outcome="unanswered"} 1\n' in guard.metrics_text()
