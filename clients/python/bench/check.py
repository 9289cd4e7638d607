"""What a check costs, what an entry of the index takes, how fast the feed is applied. Prints a table, and with
`--json` the figures; with SERVER_PROGRAM set also how long a revocation takes to arrive.

    python bench/check.py [--json]
"""

import hashlib
import json
import os
import statistics
import sys
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

sys.path.insert(0, str(Path(__file__).parents[1]))

from sessionwire_guard import Guard
from sessionwire_guard.feed import named, read_message
from sessionwire_guard.keys import KeySet
from sessionwire_guard.sse import Events
from tests.conftest import claims_of, settings_of
from tests.support.server import demo
from tests.support.waiting import until

ISSUER, AUDIENCE = "https://sessions.example", "reports-api"
FAR = 4_000_000_000
MANY = 100_000
ROUNDS = 5


class Ready:
    """A guard that knows what it needs, without a server."""

    def __init__(self, entries: int, **settings: Any) -> None:
        # Nothing is sent here: the guard is never started, and its feed is played into its core.
        self.guard = Guard(
            url="http://127.0.0.1:9", api_key="swk_x", issuer=ISSUER, audience=AUDIENCE, max_feed_lag=3600, **settings
        )
        es, ed = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
        self._private: dict[str, Any] = {"ES256": es, "EdDSA": ed}
        public = [
            {**jwt.algorithms.ECAlgorithm.to_jwk(es.public_key(), as_dict=True), "kid": "ES256"},
            {**jwt.algorithms.OKPAlgorithm.to_jwk(ed.public_key(), as_dict=True), "kid": "EdDSA"},
        ]
        self.guard.core.set_keys(KeySet.read(ISSUER, AUDIENCE, {"keys": public}))
        self.guard.core.take(named("snapshot", {"seq": 0, "changes": [], "more": False}))
        self.grow(entries)

    def grow(self, entries: int) -> None:
        """Lets so many other people's sessions end."""
        changes = [ended(seq) for seq in range(1, entries + 1)]
        self.guard.core.take(named("changes", {"after": 0, "seq": entries, "head": entries, "changes": changes}))

    def token(self, algorithm: str = "ES256") -> str:
        """A good token of ten groups and ten permissions."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": str(uuid.uuid4()),
            "aud": AUDIENCE,
            "client_id": "sessionwire",
            "iat": now,
            "exp": now + 3600,
            "jti": str(uuid.uuid4()),
            "sid": str(uuid.uuid4()),
            "device_id": str(uuid.uuid4()),
            "auth_time": now,
            "groups": [f"group-{number}" for number in range(10)],
            "permissions": [f"thing-{number}:read" for number in range(10)],
            "as_of": MANY * 10,
            "fence": 1,
            "gen": 1,
        }
        header = {"typ": "at+jwt", "kid": algorithm}
        return jwt.encode(claims, self._private[algorithm], algorithm, headers=header)


def ended(seq: int) -> dict[str, Any]:
    """A session that ended."""
    return {
        "kind": "session_ended",
        "session_id": str(uuid.UUID(int=seq)),
        "reason": "signed_out",
        "seq": seq,
        "keep_until": FAR,
    }


def nanoseconds(work: Callable[[], object], times: int) -> float:
    """What one call costs, in the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun_at = time.perf_counter_ns()
        for _ in range(times):
            work()
        best = min(best, (time.perf_counter_ns() - begun_at) / times)
    return round(best)


def cost_of_check(ready: Ready, token: str, times: int) -> float:
    """Nanoseconds a check."""
    return nanoseconds(lambda: ready.guard.check_now(token, requires="thing-3:read", what="GET /reports"), times)


def cost_of_look(ready: Ready, token: str) -> float:
    """Nanoseconds of that part of it which looks into the index."""
    claims = ready.guard.check_now(token)
    index = ready.guard.core._state.index
    assert index is not None
    verdict = index.verdict
    return nanoseconds(lambda: verdict(claims), 100_000)


def checks() -> dict[str, float]:
    """Nanoseconds of checks and their parts."""
    figures: dict[str, float] = {}
    for entries in (1, MANY):
        bare, cached = Ready(entries, cache_size=0), Ready(entries)
        for algorithm in ("ES256", "EdDSA"):
            figures[f"check, signature {algorithm}, {entries:,} revoked"] = cost_of_check(
                bare, bare.token(algorithm), 1000
            )
        token = cached.token()
        figures[f"check, from memory, {entries:,} revoked"] = cost_of_check(cached, token, 50_000)
        figures[f"look into the index, {entries:,} revoked"] = cost_of_look(cached, token)
    raw = cached.token().encode()
    figures["floor: SHA-256 of the token"] = nanoseconds(lambda: hashlib.sha256(raw).digest(), 100_000)
    lock = threading.Lock()

    def locked() -> None:
        with lock:
            pass

    figures["floor: a lock taken and released"] = nanoseconds(locked, 100_000)
    return figures


def crowd(count: int) -> float:
    """Checks a second, of so many threads together."""
    ready = Ready(MANY)
    tokens = [ready.token() for _ in range(count)]
    each = 100_000 // count

    def work(token: str) -> None:
        for _ in range(each):
            ready.guard.check_now(token, what="GET /reports")

    threads = [threading.Thread(target=work, args=(token,)) for token in tokens]
    begun_at = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(each * count / (time.perf_counter() - begun_at))


def bytes_an_entry() -> float:
    """Memory of one ended session in an index of many."""
    ready = Ready(1)
    lines = [json.dumps(ended(seq)).encode() for seq in range(2, MANY + 2)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for first in range(0, MANY, 1000):
        bounds = f'{{"after":{first + 1},"seq":{first + 1001},"head":{MANY},"changes":['
        ready.guard.core.take(
            read_message("changes", bounds.encode() + b",".join(lines[first : first + 1000]) + b"]}")
        )
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return round((after - before) / MANY)


def applied(size: int) -> float:
    """Changes a second, from bytes to index, in messages of so many."""
    ready = Ready(0)
    stream = bytearray()
    for after in range(0, MANY, size):
        changes = [ended(seq) for seq in range(after + 1, after + size + 1)]
        body = json.dumps({"after": after, "seq": after + size, "head": MANY, "changes": changes})
        stream += f"event: changes\nid: {after + size}\ndata: {body}\n\n".encode()
    pieces = [bytes(stream[first : first + 65536]) for first in range(0, len(stream), 65536)]
    events = Events()
    begun_at = time.perf_counter()
    for piece in pieces:
        for name, data in events.feed(piece):
            ready.guard.core.take(read_message(name, data))
    took = time.perf_counter() - begun_at
    assert ready.guard.position == MANY
    return round(MANY / took)


def arrival() -> dict[str, float]:
    """Milliseconds from the call that revokes until the guard has applied it, and until the receipt is back."""
    applied_ms, receipt_ms = [], []
    with demo() as server, Guard(**settings_of(server)) as guard:
        assert guard.wait_ready(10)
        for _ in range(300):
            session = server.signed_in(2)
            # What the sign-in wrote has to have come before.
            known = claims_of(session["access_token"])["as_of"]
            until(lambda known=known: (guard.position or 0) >= known)  # type: ignore[misc]
            watching = Watch(guard, guard.position or 0)
            begun_at = time.perf_counter()
            server.call("DELETE", f"/v1/sessions/{session['session_id']}")
            receipt_ms.append((time.perf_counter() - begun_at) * 1000)
            applied_ms.append((watching.applied_at() - begun_at) * 1000)
    figures = {}
    for name, values in (("applied", applied_ms), ("receipt", receipt_ms)):
        cuts = statistics.quantiles(values, n=100)
        figures[f"revocation called to {name}, p50"] = round(cuts[49], 2)
        figures[f"revocation called to {name}, p99"] = round(cuts[98], 2)
    return figures


class Watch(threading.Thread):
    """Sees when a guard gets past a position."""

    def __init__(self, guard: Guard, position: int) -> None:
        super().__init__()
        self._guard = guard
        self._position = position
        self._at = 0.0
        self.start()

    def run(self) -> None:
        """Looks every tenth of a millisecond."""
        while (self._guard.position or 0) <= self._position:
            time.sleep(0.0001)
        self._at = time.perf_counter()

    def applied_at(self) -> float:
        """When it was."""
        self.join()
        return self._at


def main() -> None:
    """Measures and prints."""
    figures: dict[str, dict[str, float]] = {"nanoseconds": checks()}
    figures["checks a second"] = {f"{count} threads": crowd(count) for count in (1, 4)}
    figures["bytes"] = {"an entry of the index": bytes_an_entry()}
    figures["changes a second"] = {f"applied in messages of {size}": applied(size) for size in (1, 1000)}
    if os.environ.get("SERVER_PROGRAM"):
        figures["milliseconds"] = arrival()
    if "--json" in sys.argv[1:]:
        print(json.dumps(figures, indent=1))
        return
    for unit, rows in figures.items():
        for name, value in rows.items():
            print(f"{name:<48}{value:>14,} {unit}")


if __name__ == "__main__":
    main()
