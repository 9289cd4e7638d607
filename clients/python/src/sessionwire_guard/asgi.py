"""The guard as pure ASGI middleware: requests and WebSocket handshakes without a good token don't come through. It
may not know any framework behind it, nor how a token is judged.
"""

import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Literal

from .base import BaseGuard
from .bearer import bearer
from .errors import GuardError, SettingsError
from .settings import Behind, checked_behind

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_DENIAL = "websocket.http.response"


class GuardMiddleware:
    """Lets requests with a good token pass, with their claims in `scope["state"]["claims"]`; answers others with a
    problem (RFC 9457).

    `public` paths, letter for letter, are not looked at. A WebSocket is refused with the contract's close code
    after the upgrade (`websocket="close"`: a browser shows anything else as a bare 1006), or before it with the
    answer that a request gets (`websocket="response"`, where the server can).
    """

    def __init__(
        self,
        app: App,
        *,
        guard: BaseGuard,
        requires: str | None = None,
        behind: Behind | None = None,
        public: Collection[str] = (),
        websocket: Literal["close", "response"] = "close",
    ) -> None:
        checked_behind(behind)
        if isinstance(public, str):
            raise SettingsError("`public` is a list of paths")
        if websocket not in ("close", "response"):
            raise SettingsError("`websocket` is close or response")
        self._app = app
        self._guard = guard
        self._requires = requires
        self._behind: Behind | None = behind
        self._public = frozenset(public)
        self._websocket = websocket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        kind = scope["type"]
        if kind not in ("http", "websocket") or scope["path"] in self._public:
            await self._app(scope, receive, send)
            return
        try:
            claims = await self._guard.acheck(
                bearer(_authorization(scope)),
                requires=self._requires,
                behind=self._behind,
                what=f"{scope.get('method', 'WEBSOCKET')} {scope['path']}",
            )
        except GuardError as error:
            await self._refuse(error, scope, receive, send)
            return
        scope.setdefault("state", {})["claims"] = claims
        await self._app(scope, receive, send)

    async def _refuse(self, error: GuardError, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _answer(error, send, "http.response")
        elif self._websocket == "response" and _DENIAL in scope.get("extensions", {}):
            await receive()
            await _answer(error, send, _DENIAL)
        else:
            await receive()
            await close(error, scope, send)


async def close(error: GuardError, scope: Scope, send: Send) -> None:
    """Accepts a handshake and closes: refused, a client would see no more than that it failed."""
    # A browser takes the answer for broken that names none of the subprotocols it offered.
    offered = scope.get("subprotocols") or [None]
    await send({"type": "websocket.accept", "subprotocol": offered[0], "headers": []})
    code, reason = error.close
    await send({"type": "websocket.close", "code": code, "reason": reason})


async def _answer(error: GuardError, send: Send, kind: str) -> None:
    body = json.dumps(error.problem).encode()
    headers = {**error.headers, "Content-Length": str(len(body))}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": f"{kind}.start", "status": error.status, "headers": raw})
    await send({"type": f"{kind}.body", "body": body})


def _authorization(scope: Scope) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
