"""A Django application behind the guard, served by real servers. It is told the guard's settings by the
environment."""

import json
import os
from collections.abc import Callable

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["sessionwire_guard.django.SessionwireMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of no use here",  # noqa: S106
    SESSIONWIRE=json.loads(os.environ["GUARD_SETTINGS"]),
    USE_TZ=True,
)
django.setup()

from sessionwire_guard.django import guard, public, requires  # noqa: E402


def me(request: HttpRequest) -> HttpResponse:
    claims = request.auth  # type: ignore[attr-defined]
    return JsonResponse({"sub": claims.sub, "pid": os.getpid()})


@requires("reports:read")
def reports(request: HttpRequest) -> HttpResponse:
    return HttpResponse("reports")


@requires("reports:read")
async def reports_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("reports")


@requires("reports:write")
def write(request: HttpRequest) -> HttpResponse:
    return HttpResponse("written")


@requires("reports:read", behind="accept")
def lax(request: HttpRequest) -> HttpResponse:
    return HttpResponse("reports")


@method_decorator(requires("reports:write"), name="dispatch")
class Written(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("written")


def _careless(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A decorator that loses all marks."""
    return lambda request: view(request)  # noqa: PLW0108


@public
def opened(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"auth": request.auth, "pid": os.getpid()})  # type: ignore[attr-defined]


@public
def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(guard().metrics_text(), content_type="text/plain")


urlpatterns = [
    path("me", me),
    path("reports", reports),
    path("reports-async", reports_async),
    path("write", write),
    path("write-class", Written.as_view()),
    path("write-careless", _careless(write)),
    path("lax", lax),
    path("open", opened),
    path("metrics", metrics),
]
wsgi = get_wsgi_application()
asgi = get_asgi_application()
