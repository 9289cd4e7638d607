"""The vectors that every guard and the server pass: `tests/vectors/guard.json` of the repository."""

import json
from pathlib import Path
from typing import Any

import pytest

from sessionwire_guard.claims import Claims
from sessionwire_guard.core import Core
from sessionwire_guard.errors import GuardError
from sessionwire_guard.feed import FeedFault, named
from sessionwire_guard.index import Ended, Stale
from sessionwire_guard.keys import KeySet
from sessionwire_guard.settings import Settings

from .support.clock import SetClock

FILE = Path(__file__).parents[3] / "tests" / "vectors" / "guard.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
WORDS = {
    "token_invalid": "invalid",
    "token_expired": "expired",
    "session_ended": "ended",
    "token_stale": "stale",
    "forbidden": "forbidden",
}


def core_at(now: int) -> Core:
    settings = Settings(
        url="http://127.0.0.1:9",
        api_key="swk_test",
        issuer=VECTORS["issuer"],
        audience=VECTORS["audience"],
        clock=SetClock(now),
    )
    core = Core(settings)
    core.set_keys(KeySet.read(VECTORS["issuer"], VECTORS["audience"], VECTORS["jwks"]))
    return core


def verdict(core: Core, token: str, requires: str | None = None) -> tuple[str, str | None]:
    try:
        said = core.look(token, requires, None, "")
    except GuardError as error:
        return WORDS[error.code], error.reason
    # What names a key that is not there is invalid once the keys are known to be all.
    return ("invalid", None) if said is None else ("good", None)


def position(core: Core, token: str) -> int | None:
    keys = KeySet.read(VECTORS["issuer"], VECTORS["audience"], VECTORS["jwks"])
    claims, _ = keys.verify(token)
    index = core._state.index
    assert index is not None
    found = index.verdict(claims)
    return found.seq if isinstance(found, Ended | Stale) else None


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_token_gets_its_verdict(case: Any) -> None:
    core = core_at(case.get("now", VECTORS["now"]))
    core.take(named("snapshot", {**VECTORS["indexes"][case["index"]], "more": False}))
    found = verdict(core, case["token"], case.get("requires"))
    assert found == (case["verdict"], case.get("reason"))
    # A second time it comes out of memory, and must be the same.
    assert verdict(core, case["token"], case.get("requires")) == found
    if "seq" in case:
        assert position(core, case["token"]) == case["seq"]


@pytest.mark.parametrize("course", VECTORS["feeds"], ids=lambda course: course["name"])
def test_a_feed_takes_its_course(course: Any) -> None:
    core = core_at(VECTORS["now"])
    fault = None
    for message in course["messages"]:
        try:
            core.take(named(message["event"], message["data"]))
        except FeedFault as error:
            fault = error.fault
            break
    assert (fault, core.position) == (course["fault"], course["position"])
    for check in course["checks"]:
        found = core.look(check["token"], None, "accept", "") if check["verdict"] == "good" else None
        if check["verdict"] == "good":
            assert isinstance(found, Claims)
        else:
            assert verdict(core, check["token"]) == (check["verdict"], check.get("reason"))


def test_there_are_vectors() -> None:
    assert len(VECTORS["cases"]) > 50
    assert len(VECTORS["feeds"]) > 10
