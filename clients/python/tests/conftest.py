"""What every test may ask for."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings as hypothesis

from sessionwire_guard import Guard

from .support.fake import Fake
from .support.server import Api, Demo, demo
from .support.tokens import AUDIENCE, ISSUER

# How fast a machine is no property of the code.
hypothesis.register_profile("untimed", deadline=None)
hypothesis.load_profile("untimed")

GuardOf = Callable[..., Guard]


@pytest.fixture
def anyio_backend() -> str:
    """The guard lives in asyncio."""
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Iterator[Demo]:
    """A demonstration server, one a module."""
    with demo() as running:
        yield running


def settings_of(server: Api | Fake, **changes: Any) -> dict[str, Any]:
    """What a guard of this server is told."""
    if isinstance(server, Fake):
        known = {"api_key": "swk_test", "issuer": ISSUER, "audience": AUDIENCE}
    else:
        known = {"api_key": server.api_key, "issuer": server.url, "audience": "sessionwire"}
    return {"url": server.url, **known, **changes}


@pytest.fixture
def guard_of() -> Iterator[GuardOf]:
    """Makes guards of a server that end with the test."""
    made: list[Guard] = []

    def make(server: Api | Fake, *, ready: bool = True, **changes: Any) -> Guard:
        guard = Guard(**settings_of(server, **changes))
        made.append(guard)
        if ready:
            assert guard.wait_ready(10), "the guard did not get ready"
        else:
            guard.start()
        return guard

    yield make
    for guard in made:
        guard.close()


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims
