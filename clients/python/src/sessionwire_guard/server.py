"""What a guard asks the server: one method a call, each with a bound on time and size. It may not know why it is
asked, nor what the answers mean for a token.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

import httpx

from . import strict
from .claims import Claims, claims_from
from .foreign import Inactive
from .patience import within
from .settings import Settings

# How long connecting, and any answer but the feed's, may take.
PATIENCE: Final = 5.0
_INTROSPECTION_PATIENCE: Final = 2.0
_KEYS_BYTES_MAX: Final = 256 * 1024
_ANSWER_BYTES_MAX: Final = 64 * 1024
# What is compressed could be of any size.
_PLAIN: Final = {"Accept-Encoding": "identity"}

Told = Literal["done", "gone", "failed"]


class Unanswered(Exception):
    """The server can't be reached, or did not answer what was asked."""


class Server:
    """The server, as this guard's key lets it be asked."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http
        self._key = {"Authorization": f"Bearer {settings.api_key}"}

    @asynccontextmanager
    async def feed(self, after: int | None) -> AsyncIterator[httpx.Response]:
        """The feed from a position on, or from the beginning; its body has yet to come."""
        headers = {**self._key, **_PLAIN, "Accept": "text/event-stream", "Cache-Control": "no-store"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        request = self._http.build_request(
            "GET",
            self._settings.address("/v1/feed"),
            headers=headers,
            # How long silence may last is up to whoever reads.
            timeout=httpx.Timeout(PATIENCE, read=None),
        )
        response = await within(self._http.send(request, stream=True, follow_redirects=False), PATIENCE)
        try:
            yield response
        finally:
            await response.aclose()

    async def keys(self) -> Any:
        """The published key set. Raises `Unanswered`."""
        status, body = await self._ask("GET", "/.well-known/jwks.json", _PLAIN, bytes_max=_KEYS_BYTES_MAX)
        if status != httpx.codes.OK:
            raise Unanswered(f"the keys were answered with {status}")
        try:
            return strict.read_json(body)
        except strict.Unreadable as error:
            raise Unanswered("the keys are no JSON") from error

    async def acknowledge(self, reader: str, position: int) -> Told:
        """Says that everything up to a position has been applied."""
        return await self._tell("/v1/feed/acks", {"reader": reader, "seq": position})

    async def report(self, reader: str, uses: Sequence[Mapping[str, object]]) -> Told:
        """Says which tokens were accepted too late."""
        return await self._tell("/v1/feed/late-uses", {"reader": reader, "uses": uses})

    async def is_active(self, token: str) -> bool | None:
        """Whether the server says that a token is good; `None` where it does not say."""
        active = (await self._introspect(token)).get("active")
        return active if isinstance(active, bool) else None

    async def claims_of(self, token: str) -> Claims | Inactive | None:
        """What a token stands for; `None` where the server does not say, and where that is not for this guard."""
        answer = await self._introspect(token)
        active = answer.get("active")
        if active is not True:
            return "inactive" if active is False else None
        try:
            claims = claims_from(answer)
        except strict.Unreadable:
            return None
        is_for_us = claims.iss == self._settings.issuer and claims.aud == self._settings.audience
        return claims if is_for_us else None

    async def _introspect(self, token: str) -> dict[str, Any]:
        asked = self._ask("POST", "/oauth/introspect", {**self._key, **_PLAIN}, form={"token": token})
        try:
            status, body = await within(asked, _INTROSPECTION_PATIENCE)
            answer = strict.read_json(body) if status == httpx.codes.OK else None
        except (Unanswered, strict.Unreadable, asyncio.TimeoutError):
            return {}
        return answer if isinstance(answer, dict) else {}

    async def _tell(self, path: str, body: object) -> Told:
        try:
            status, _ = await self._ask("POST", path, {**self._key, **_PLAIN}, json=body)
        except Unanswered:
            return "failed"
        if httpx.codes.is_success(status):
            return "done"
        return "gone" if status == httpx.codes.NOT_FOUND else "failed"

    async def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        form: dict[str, str] | None = None,
        json: object = None,
        bytes_max: int = _ANSWER_BYTES_MAX,
    ) -> tuple[int, bytes]:
        url = self._settings.address(path)
        request = self._http.build_request(method, url, headers=dict(headers), data=form, json=json, timeout=PATIENCE)
        try:
            return await within(self._answer(request, bytes_max), PATIENCE)
        except (httpx.HTTPError, httpx.StreamError, OSError, asyncio.TimeoutError) as error:
            raise Unanswered(f"the server can't be reached: {type(error).__name__}") from error

    async def _answer(self, request: httpx.Request, bytes_max: int) -> tuple[int, bytes]:
        response = await self._http.send(request, stream=True, follow_redirects=False)
        try:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > bytes_max:
                    raise Unanswered("the answer does not end")
            return response.status_code, bytes(body)
        finally:
            await response.aclose()
