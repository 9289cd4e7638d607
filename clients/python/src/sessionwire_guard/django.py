"""The guard in Django: `sessionwire_guard.django.SessionwireMiddleware` in `MIDDLEWARE`, the settings in
`SESSIONWIRE`. It may not know how a token is judged.

Every view needs a good token, but for those marked `@public`; `@requires` asks for more. Views find the claims in
`request.auth`. The guard starts in each process with the first request there, so that it is never forked with.
"""

import json
import threading
from asyncio import iscoroutinefunction
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final, NamedTuple, TypeVar, cast

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from .bearer import bearer
from .claims import Claims
from .errors import GuardError, SettingsError
from .guard import Guard
from .settings import Behind, checked_behind

V = TypeVar("V", bound=Callable[..., Any])
_MARK: Final = "sessionwire_route"


class Route(NamedTuple):
    """What a view needs."""

    is_public: bool = False
    requires: str | None = None
    behind: Behind | None = None


def requires(permission: str, *, behind: Behind | None = None) -> Callable[[V], V]:
    """Marks a view: the token must list this permission; past the lag this happens. For a view that is a class:
    `@method_decorator(requires("reports:read"), name="dispatch")`."""
    checked_behind(behind)
    route = Route(requires=permission, behind=behind)

    def mark(view: V) -> V:
        # The middleware decides by the mark. A decorator above that loses the mark must not lose the rule.
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                return _lacking(request, permission) or await view(request, *args, **kwargs)

        else:

            @wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                return _lacking(request, permission) or view(request, *args, **kwargs)

        setattr(guarded, _MARK, route)
        return cast("V", guarded)

    return mark


def public(view: V) -> V:
    """Marks a view that needs no token. Its `request.auth` is `None`."""
    setattr(view, _MARK, Route(is_public=True))
    return view


def _lacking(request: HttpRequest, permission: str) -> HttpResponseBase | None:
    claims = getattr(request, "auth", None)
    if not isinstance(claims, Claims):
        raise ImproperlyConfigured("sessionwire_guard.django.SessionwireMiddleware must be in MIDDLEWARE")
    return None if claims.allows(permission) else _refused(GuardError("forbidden"))


_making: Final = threading.Lock()
_made: list[Guard] = []


def guard() -> Guard:
    """This process's guard, made of the settings."""
    if not _made:
        with _making:
            if not _made:
                _made.append(_from_settings())
    return _made[0]


def _from_settings() -> Guard:
    given = getattr(settings, "SESSIONWIRE", None)
    if not isinstance(given, dict):
        raise ImproperlyConfigured("SESSIONWIRE must be a dict: URL, API_KEY, ISSUER, AUDIENCE, …")
    try:
        return Guard(**{name.lower(): value for name, value in given.items()})
    except (SettingsError, TypeError) as error:
        raise ImproperlyConfigured(f"SESSIONWIRE: {error}") from error


def _forget(*, setting: str, **_: object) -> None:
    if setting == "SESSIONWIRE":
        while _made:
            _made.pop().close()


setting_changed.connect(_forget)


class SessionwireMiddleware:
    """Lets requests with a good token come to their views."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        # What is wrong with the settings is to be found out when the application starts.
        guard()
        self.process_view: Callable[..., Any] = self._process
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            self.process_view = self._aprocess

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serves one request."""
        request.auth = None  # type: ignore[attr-defined]
        response: HttpResponseBase | Awaitable[HttpResponseBase] = self._get_response(request)
        return response

    def _process(
        self, request: HttpRequest, view: Callable[..., Any], _args: object, _kwargs: object
    ) -> HttpResponseBase | None:
        route = _route(view)
        if route.is_public:
            return None
        try:
            token = _token(request)
            claims = guard().check(token, requires=route.requires, behind=route.behind, what=_what(request))
        except GuardError as error:
            return _refused(error)
        request.auth = claims  # type: ignore[attr-defined]
        return None

    async def _aprocess(
        self, request: HttpRequest, view: Callable[..., Any], _args: object, _kwargs: object
    ) -> HttpResponseBase | None:
        route = _route(view)
        if route.is_public:
            return None
        try:
            token = _token(request)
            claims = await guard().acheck(token, requires=route.requires, behind=route.behind, what=_what(request))
        except GuardError as error:
            return _refused(error)
        request.auth = claims  # type: ignore[attr-defined]
        return None


def _route(view: Callable[..., Any]) -> Route:
    route = getattr(view, _MARK, None)
    return route if isinstance(route, Route) else Route()


def _token(request: HttpRequest) -> str | None:
    given = request.META.get("HTTP_AUTHORIZATION")
    return bearer([] if given is None else [given])


def _what(request: HttpRequest) -> str:
    return f"{request.method} {request.path}"


def _refused(error: GuardError) -> HttpResponseBase:
    return HttpResponse(json.dumps(error.problem), status=error.status, headers=error.headers)
