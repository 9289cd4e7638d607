"""Another issuer: its published keys on a port of its own, and tokens of it. It may not know who takes them."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .tokens import Signer


class Issuer:
    """The issuer; its key and what it signs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.signer = Signer()
        self.settings = {
            "SESSIONWIRE_ISSUERS": f"[{{ name = 'shop', issuer = '{url}', audiences = ['api'], addresses = 'any', "
            "strangers = 'create', use = 'attach' }]"
        }

    def token(self, sub: str, sid: str, by: Signer | None = None, **changes: Any) -> str:
        """A token of ten minutes of somebody who signed in just now."""
        now = int(time.time())
        whole = {
            "iss": self.url,
            "sub": sub,
            "sid": sid,
            "aud": "api",
            "iat": now,
            "exp": now + 600,
            "auth_time": now,
        }
        header = {"typ": "JWT", "kid": "k1"}
        return (by or self.signer).sign(json.dumps({**whole, **changes}).encode(), header)


@contextmanager
def issuer() -> Iterator[Issuer]:
    """An issuer, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            about = {"issuer": made.url, "jwks_uri": f"{made.url}/keys"}
            body = about if self.path == "/.well-known/openid-configuration" else {"keys": [made.signer.jwk]}
            raw = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Issuer(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
