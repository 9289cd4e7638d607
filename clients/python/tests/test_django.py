"""Django behind the guard, served by gunicorn (WSGI, forked after loading) and by uvicorn (ASGI)."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from .conftest import settings_of
from .support.proxy import Wire, wire
from .support.server import Demo
from .support.waiting import until
from .support.web import get, problem, program_of

SITE = "tests.support.django_site"


def site(server: Demo, kind: str, **changes: object) -> AbstractContextManager[str]:
    settings = {name.upper(): value for name, value in settings_of(server, **changes).items()}
    environment = {"GUARD_SETTINGS": json.dumps(settings), "PYTHONWARNINGS": "error"}
    if kind == "wsgi":
        arguments = ["--preload", "--workers=2", "--threads=2", "--bind={address}", "--log-level=warning"]
        # What gunicorn itself warns of is not ours.
        return program_of("gunicorn", [*arguments, f"{SITE}:wsgi"], {**environment, "PYTHONWARNINGS": "default"})
    arguments = ["--host={host}", "--port={port}", "--log-level=warning", f"{SITE}:asgi"]
    return program_of("uvicorn", arguments, environment)


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def url(request: pytest.FixtureRequest, server: Demo) -> Iterator[str]:
    with site(server, request.param) as address:
        yield address


def test_views_need_a_good_token_but_for_public_ones(url: str, server: Demo) -> None:
    session = server.signed_in(0)
    answer = get(f"{url}/me", session["access_token"])
    assert (answer.status_code, answer.json()["sub"]) == (200, session["user"]["id"])
    assert get(f"{url}/open").json()["auth"] is None
    assert get(f"{url}/open", "nonsense").json()["auth"] is None
    answer = get(f"{url}/me")
    assert (answer.status_code, problem(answer)) == (401, "token_missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="sessionwire"'
    for wrong in ("nonsense", session["access_token"][:-3] + "abc", session["refresh_token"]):
        assert problem(get(f"{url}/me", wrong)) == "token_invalid"
    for header in ("Basic YTpi", "Bearer", session["access_token"]):
        assert problem(get(f"{url}/me", Authorization=header)) == "token_missing"
    assert get(f"{url}/me?access_token={session['access_token']}").status_code == 401
    assert get(f"{url}/nowhere").status_code == 404


def test_a_view_asks_for_a_permission(url: str, server: Demo) -> None:
    token = server.signed_in(0)["access_token"]
    for path in ("reports", "reports-async", "lax"):
        assert get(f"{url}/{path}", token).text == "reports"
        assert problem(get(f"{url}/{path}")) == "token_missing"
    for path in ("write", "write-class", "write-careless"):
        answer = get(f"{url}/{path}", token)
        assert (answer.status_code, problem(answer)) == (403, "forbidden")


def test_a_revoked_session_is_refused_by_every_process(url: str, server: Demo) -> None:
    session = server.signed_in(1)
    pids: set[int] = set()
    processes = 1 if "uvicorn" in get(f"{url}/open").headers["server"] else 2

    def all_seen() -> bool:
        answer = get(f"{url}/me", session["access_token"])
        assert answer.status_code == 200
        pids.add(answer.json()["pid"])
        return len(pids) == processes

    until(all_seen)
    receipt = server.call("DELETE", f"/v1/sessions/{session['session_id']}")
    assert receipt["guards"] == {"following": processes, "applied": processes}
    for _ in range(20):
        answer = get(f"{url}/me", session["access_token"])
        assert (answer.status_code, problem(answer)) == (401, "session_ended")
        assert answer.json()["reason"] == "revoked_by_admin"
        assert answer.json()["detail"] == "the session has ended: An administrator signed you out."


def test_stale_rights_are_refused(url: str, server: Demo) -> None:
    session = server.signed_in(0)
    assert get(f"{url}/me", session["access_token"]).status_code == 200
    group = server.groups["analysts"]
    server.call("DELETE", f"/v1/groups/{group}/members/{session['user']['id']}")
    try:
        assert problem(get(f"{url}/me", session["access_token"])) == "token_stale"
    finally:
        server.call("PUT", f"/v1/groups/{group}/members/{session['user']['id']}")


def test_the_metrics_can_be_had(url: str) -> None:
    assert 'sessionwire_guard_checks_total{verdict="good"}' in get(f"{url}/metrics").text


@pytest.fixture(params=["wsgi", "asgi"])
def cut(request: pytest.FixtureRequest, server: Demo) -> Iterator[tuple[str, Wire]]:
    with wire(server.url) as line, site(server, request.param, url=line.url, max_feed_lag=1.0) as address:
        yield address, line


def test_past_the_lag_a_view_decides(cut: tuple[str, Wire], server: Demo) -> None:
    url, line = cut
    token = server.signed_in(0)["access_token"]
    # Each process begins to follow with its first request.
    until(lambda: all(get(f"{url}/{path}", token).status_code == 200 for path in ["me", "lax"] * 10))
    line.cut()
    until(lambda: all(get(f"{url}/me", token).status_code == 503 for _ in range(10)))
    answer = get(f"{url}/me", token)
    assert (problem(answer), answer.headers["retry-after"]) == ("cannot_decide", "1")
    assert get(f"{url}/lax", token).status_code == 200
    line.mend()
    until(lambda: all(get(f"{url}/me", token).status_code == 200 for _ in range(10)))
