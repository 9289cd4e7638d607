"""The guard in FastAPI: `Depends(guard.requires("reports:read"))`, for HTTP and WebSocket routes. It may not know how
a token is judged.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from .bearer import bearer
from .claims import Claims
from .errors import GuardError
from .settings import Behind, checked_behind

if TYPE_CHECKING:
    from .base import BaseGuard


class Refused(HTTPException):
    """The token is not accepted. An application that forgot `answer_problems` refuses all the same."""

    def __init__(self, error: GuardError) -> None:
        headers = {name: value for name, value in error.headers.items() if name != "Content-Type"}
        super().__init__(error.status, error.detail, headers)
        self.error = error


def dependency(
    guard: "BaseGuard", permission: str | None = None, behind: Behind | None = None
) -> Callable[[HTTPConnection], Awaitable[Claims]]:
    """A dependency that answers the claims of a good token, and refuses others."""
    checked_behind(behind)

    async def claims(connection: HTTPConnection) -> Claims:
        method = connection.scope.get("method", "WEBSOCKET")
        what = f"{method} {connection.scope['path']}"
        try:
            token = bearer(connection.headers.getlist("authorization"))
            return await guard.acheck(token, requires=permission, behind=behind, what=what)
        except GuardError as error:
            raise Refused(error) from error

    return claims


def answer_problems(app: FastAPI) -> None:
    """Has the application answer refusals as the server does: `application/problem+json` (RFC 9457), and a WebSocket
    with the contract's close code."""
    app.add_exception_handler(Refused, _answer)  # type: ignore[arg-type]


async def _answer(connection: Request | WebSocket, refused: Refused) -> Response | None:
    error = refused.error
    if isinstance(connection, WebSocket):
        # Closed before it is accepted a client would see no more than a failed handshake.
        offered = connection.scope.get("subprotocols") or [None]
        await connection.accept(subprotocol=offered[0])
        code, reason = error.close
        await connection.close(code, reason)
        return None
    return JSONResponse(error.problem, error.status, error.headers)
