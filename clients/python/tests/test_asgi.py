"""FastAPI and plain ASGI behind the guard, served by uvicorn, over HTTP and WebSocket."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from sessionwire_guard import AsyncGuard, Claims, Guard, SettingsError
from sessionwire_guard.asgi import GuardMiddleware
from sessionwire_guard.fastapi import answer_problems

from .conftest import settings_of
from .support.proxy import wire
from .support.server import Demo
from .support.waiting import until
from .support.web import get, problem, uvicorn_of


def fastapi_app(guard: AsyncGuard | Guard) -> FastAPI:
    app = FastAPI(lifespan=guard.lifespan) if isinstance(guard, AsyncGuard) else FastAPI()
    answer_problems(app)

    @app.get("/open")
    async def opened() -> str:
        return "open"

    @app.get("/me")
    async def me(claims: Annotated[Claims, Depends(guard.requires())]) -> str:
        return claims.sub

    @app.get("/reports")
    def reports(claims: Annotated[Claims, Depends(guard.requires("reports:read"))]) -> list[str]:
        return list(claims.groups)

    @app.get("/write", dependencies=[Depends(guard.requires("reports:write"))])
    async def write() -> str:
        return "written"

    @app.get("/lax", dependencies=[Depends(guard.requires("reports:read", behind="accept"))])
    async def lax() -> str:
        return "reports"

    @app.get("/metrics")
    async def metrics() -> str:
        return guard.metrics_text()

    @app.websocket("/echo")
    async def echo(socket: WebSocket, claims: Annotated[Claims, Depends(guard.requires())]) -> None:
        await socket.accept()
        await socket.send_text(claims.sub)
        await socket.close()

    return app


@pytest.fixture(scope="module", params=[AsyncGuard, Guard], ids=["async", "thread"])
def url(request: pytest.FixtureRequest, server: Demo) -> Iterator[str]:
    guard = request.param(**settings_of(server))
    with uvicorn_of(fastapi_app(guard)) as address:
        yield address
    if isinstance(guard, Guard):
        guard.close()


def test_routes_of_fastapi_need_what_they_say(url: str, server: Demo) -> None:
    session = server.signed_in(0)
    token = session["access_token"]
    assert get(f"{url}/open").json() == "open"
    assert get(f"{url}/me", token).json() == session["user"]["id"]
    assert get(f"{url}/reports", token).json() == ["analysts", "staff"]
    assert problem(get(f"{url}/me")) == "token_missing"
    assert problem(get(f"{url}/me", "nonsense")) == "token_invalid"
    assert problem(get(f"{url}/me", Authorization=f"Basic {token}")) == "token_missing"
    assert problem(get(f"{url}/me?access_token={token}")) == "token_missing"
    assert problem(get(f"{url}/write", token)) == "forbidden"
    receipt = server.call("DELETE", f"/v1/sessions/{session['session_id']}")
    assert receipt["guards"]["applied"] == receipt["guards"]["following"] >= 1
    answer = get(f"{url}/me", token)
    assert (problem(answer), answer.json()["reason"]) == ("session_ended", "revoked_by_admin")


def test_two_tokens_are_none(url: str, server: Demo) -> None:
    token = server.signed_in(0)["access_token"]
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
    assert problem(httpx.get(f"{url}/me", headers=headers)) == "token_invalid"


def test_a_websocket_of_fastapi_is_refused_with_a_code(url: str, server: Demo) -> None:
    session = server.signed_in(1)
    assert heard(url, "/echo", session["access_token"]) == session["user"]["id"]
    assert heard(url, "/echo", None) == "4500 token_missing"
    server.call("POST", f"/v1/users/{session['user']['id']}/suspend")
    try:
        assert heard(url, "/echo", session["access_token"]) == "4503 user_suspended"
    finally:
        server.call("POST", f"/v1/users/{session['user']['id']}/resume")


def test_an_application_that_forgot_to_answer_problems_refuses_all_the_same(server: Demo) -> None:
    guard = AsyncGuard(**settings_of(server))
    app = FastAPI(lifespan=guard.lifespan)

    @app.get("/me")
    async def me(claims: Annotated[Claims, Depends(guard.requires())]) -> str:
        return claims.sub

    with uvicorn_of(app) as url:
        answer = get(f"{url}/me")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="sessionwire"')


def test_past_the_lag_a_route_decides(server: Demo) -> None:
    with wire(server.url) as line:
        guard = AsyncGuard(**settings_of(server, url=line.url, max_feed_lag=1.0))
        with uvicorn_of(fastapi_app(guard)) as url:
            token = server.signed_in(0)["access_token"]
            assert get(f"{url}/reports", token).status_code == 200
            line.cut()
            until(lambda: get(f"{url}/reports", token).status_code == 503)
            answer = get(f"{url}/reports", token)
            assert (problem(answer), answer.headers["retry-after"]) == ("cannot_decide", "1")
            assert get(f"{url}/lax", token).status_code == 200
            assert heard(url, "/echo", token) == "4005 cannot_decide"
            line.mend()
            until(lambda: get(f"{url}/reports", token).status_code == 200)


def test_a_guard_that_nobody_started_starts_with_the_first_request(server: Demo) -> None:
    app = fastapi_app(AsyncGuard(**settings_of(server)))
    app.router.lifespan_context = FastAPI().router.lifespan_context
    with uvicorn_of(app) as url:
        assert get(f"{url}/me", server.signed_in(0)["access_token"]).status_code == 200


Scope = Any


async def plain(scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """An application of no framework."""
    claims = scope.get("state", {}).get("claims")
    said = claims.sub if claims is not None else "nobody"
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": said})
        await send({"type": "websocket.close"})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said.encode()})
    elif scope["type"] == "lifespan":
        raise ValueError("what is that?")


def test_middleware_guards_any_application(server: Demo) -> None:
    guard = AsyncGuard(**settings_of(server))
    app = GuardMiddleware(plain, guard=guard, requires="reports:read", public=["/health"])
    with uvicorn_of(app) as url:
        session = server.signed_in(0)
        token = session["access_token"]
        assert get(f"{url}/any", token).text == session["user"]["id"]
        assert get(f"{url}/health").text == "nobody"
        for path in ("/health/", "/health/..", "/Health", "/"):
            assert problem(get(f"{url}{path}")) == "token_missing"
        assert problem(get(f"{url}/any", server.signed_in(3)["access_token"])) == "forbidden"
        assert heard(url, "/socket", token) == session["user"]["id"]
        assert heard(url, "/socket", None) == "4500 token_missing"
        assert heard(url, "/socket", "nonsense", "chat.v1") == "4500 token_invalid chat.v1"
        assert heard(url, "/socket", server.signed_in(3)["access_token"]) == "4505 forbidden"
        server.call("DELETE", f"/v1/sessions/{session['session_id']}")
        assert heard(url, "/socket", token) == "4501 revoked_by_admin"


def test_a_handshake_can_be_refused_with_an_answer(server: Demo) -> None:
    guard = AsyncGuard(**settings_of(server))
    with uvicorn_of(GuardMiddleware(plain, guard=guard, websocket="response")) as url:
        session = server.signed_in(0)
        assert heard(url, "/socket", session["access_token"]) == session["user"]["id"]
        with pytest.raises(InvalidStatus) as refused:
            heard(url, "/socket", None)
        answer = refused.value.response
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == 'Bearer realm="sessionwire"'
        assert b'"token_missing"' in (answer.body or b"")


def test_middleware_that_is_told_nonsense_says_so(server: Demo) -> None:
    guard = AsyncGuard(**settings_of(server))
    for wrong in ({"behind": "accpet"}, {"public": "/health"}, {"websocket": "drop"}):
        with pytest.raises(SettingsError):
            GuardMiddleware(plain, guard=guard, **wrong)  # type: ignore[arg-type]
    with pytest.raises(SettingsError):
        guard.requires(behind="accpet")  # type: ignore[arg-type]


def heard(url: str, path: str, token: str | None, protocol: str | None = None) -> str:
    """The first message of a WebSocket; else the code and reason that it is closed with."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    address = url.replace("http://", "ws://") + path
    socket: ClientConnection
    with connect(
        address,
        additional_headers=headers,
        subprotocols=None if protocol is None else [protocol],  # type: ignore[list-item]
    ) as socket:
        try:
            return str(socket.recv(timeout=30))
        except ConnectionClosed as closed:
            told = closed.rcvd
    words = [str(told.code), told.reason] if told is not None else ["nothing"]
    return " ".join([*words, socket.subprotocol] if socket.subprotocol else words)
