"""The Django views of `docs/integration/own-back-end.md`, as the page prints them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .conftest import settings_of
from .support.server import Demo
from .support.web import get, problem, program_of

PAGE = Path(__file__).parents[3] / "docs" / "integration" / "own-back-end.md"
DEVICE = {"id": "0199a8f0-0000-7000-8000-000000000001", "name": "test", "platform": "other"}

# What the page leaves to the reader: the settings, the addresses, and the people.
SITE = """
import json, os
import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path


class People:
    def authenticate(self, request, username, password):
        from django.contrib.auth.models import User

        return User(id=4711, username=username) if password == "right" else None


settings.configure(
    ALLOWED_HOSTS=["*"],
    AUTHENTICATION_BACKENDS=["site_of_the_page.People"],
    DATABASES={},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    MIDDLEWARE=["sessionwire_guard.django.SessionwireMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of no use here",
    SESSIONWIRE=json.loads(os.environ["GUARD_SETTINGS"]),
    USE_TZ=True,
)
django.setup()

import views

urlpatterns = [path("login", views.login), path("reports", views.reports)]
app = get_asgi_application()
"""


@pytest.fixture(scope="module")
def url(server: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    printed = re.search(r"^## Django$.*?^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert printed, "the page shows views for Django"
    folder = tmp_path_factory.mktemp("printed")
    (folder / "views.py").write_text(printed[1], "utf-8")
    (folder / "site_of_the_page.py").write_text(SITE, "utf-8")
    settings = {name.upper(): value for name, value in settings_of(server).items()}
    environment = {"GUARD_SETTINGS": json.dumps(settings), "SERVER_URL": server.url, "API_KEY": server.api_key}
    arguments = [
        "--host={host}",
        "--port={port}",
        "--log-level=warning",
        f"--app-dir={folder}",
        "site_of_the_page:app",
    ]
    with program_of("uvicorn", arguments, environment) as address:
        yield address


def test_whom_django_knows_gets_a_session_and_loses_it_at_once(url: str, server: Demo) -> None:
    def login(password: str) -> httpx.Response:
        body = {"name": "zoe", "password": password, "device": DEVICE, "remember_me": True}
        return httpx.post(f"{url}/login", json=body, timeout=30)

    refused = login("wrong")
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    first = login("right")
    assert first.status_code == 201, first.text
    user = first.json()["user"]
    assert (user["username"], user["external_id"]) == ("zoe", "4711")
    token = first.json()["access_token"]
    answer = get(f"{url}/reports", token)
    assert (answer.status_code, problem(answer)) == (403, "forbidden")

    server.call("PUT", f"/v1/groups/{server.groups['analysts']}/members/ext:4711")
    assert problem(get(f"{url}/reports", token)) == "token_stale"
    # The same device again: another session in the place of the first.
    token = login("right").json()["access_token"]
    assert get(f"{url}/reports", token).json() == {"for": user["id"]}
    receipt = server.call("DELETE", "/v1/users/ext:4711/sessions")
    assert receipt["guards"] == {"following": 1, "applied": 1}
    assert problem(get(f"{url}/reports", token)) == "session_ended"
