"""A demo server for one test, and people who sign in at it."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import urllib.request
import uuid

PROGRAM = os.environ["SERVER_PROGRAM"]
# Hashing passwords at full cost is what the server's own tests are for.
CHEAP = {
    "SESSIONWIRE_PASSWORD_HASH_MEMORY_KIB": "8",
    "SESSIONWIRE_PASSWORD_HASH_ITERATIONS": "1",
    "SESSIONWIRE_LOG_LEVEL": "warn",
}


class Demo:
    """A running demo."""

    def __init__(self, **settings: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SESSIONWIRE_")}
        own = {f"SESSIONWIRE_{name}": value for name, value in settings.items()}
        self._process = subprocess.Popen(
            [PROGRAM, "demo", "--listen", "127.0.0.1:0", "--json"],
            env=kept | CHEAP | {"SESSIONWIRE_DATA_DIR": self._folder.name} | own,
            stdout=subprocess.PIPE,
        )
        about = json.loads(self._process.stdout.readline())
        self.url = about["url"]
        self.key = about["api_key"]
        self.users = about["users"]
        self.groups = about["groups"]

    def stop(self) -> None:
        """Asks it to make way, and waits until it has."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=30)
        self._folder.cleanup()

    def _call(self, method: str, path: str, body: object, token: str | None) -> dict:
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    async def call(self, method: str, path: str, body: object = None, token: str | None = None) -> dict:
        """A call, by an administrator where no token is given."""
        return await asyncio.to_thread(self._call, method, path, body, token or self.key)

    async def sign_in(self, person: dict) -> dict:
        """A session of a device of its own."""
        device = {"id": str(uuid.uuid4()), "name": "Test", "platform": "desktop"}
        body = {"username": person["username"], "password": person["password"], "device": device}
        return await asyncio.to_thread(self._call, "POST", "/v1/sign-in", body, None)
