"""The real server for a test: `demo`, or `serve` in a folder that outlives a restart. It may not know the guard."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

# Hashing passwords at full cost is what the server's own tests are for.
_CHEAP = {
    "SESSIONWIRE_PASSWORD_HASH_MEMORY_KIB": "64",
    "SESSIONWIRE_PASSWORD_HASH_ITERATIONS": "1",
    "SESSIONWIRE_LOG_LEVEL": "warn",
}
_START_PATIENCE = 30.0


class Api:
    """The server as an administrator and its users call it."""

    def __init__(self, url: str, api_key: str) -> None:
        self.url = url
        self.api_key = api_key
        self._http = httpx.Client(base_url=url, timeout=30)

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """An administrator's call."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if method in ("DELETE", "PUT"):
            # What comes after a change is tried once the guards have it, however slow the machine.
            query.setdefault("wait_ms", 10_000)
        params = {name: str(value) for name, value in query.items()}
        answer = self._http.request(method, path, json=body, headers=headers, params=params)
        if answer.is_error:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def sign_in(self, username: str, password: str, device: str = "phone") -> Any:
        """A user's sign-in."""
        known = {"phone": "0199a8f0-0000-7000-8000-000000000001", "laptop": "0199a8f0-0000-7000-8000-000000000002"}
        body = {
            "username": username,
            "password": password,
            "device": {"id": known[device], "name": device, "platform": "other"},
        }
        answer = self._http.post("/v1/sign-in", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refresh(self, refresh_token: str) -> Any:
        """A user's refresh."""
        answer = self._http.post("/v1/token/refresh", json={"refresh_token": refresh_token})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def events(self, kind: str) -> list[Any]:
        """The events of one type."""
        items: list[Any] = self.call("GET", "/v1/events", type=kind, limit=200)["items"]
        return items

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()


class Demo(Api):
    """A demonstration server with four users."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(told["url"], told["api_key"])
        self.users: list[Any] = told["users"]
        self.groups: dict[str, str] = {group["name"]: group["id"] for group in told["groups"]}

    def signed_in(self, number: int = 0, device: str = "phone") -> Any:
        """A session of one of its users."""
        user = self.users[number]
        return self.sign_in(user["username"], user["password"], device)


@contextmanager
def demo(**settings: str) -> Iterator[Demo]:
    """A demonstration server, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="sessionwire-python-") as folder:
        environment = {"SESSIONWIRE_DATA_DIR": folder, **settings}
        process = _run(["demo", "--json", "--listen", "127.0.0.1:0"], environment)
        try:
            server = Demo(json.loads(_first_line(process)))
            try:
                yield server
            finally:
                server.close()
        finally:
            _end(process, signal.SIGKILL)


class Served(Api):
    """A server on a folder, which can be stopped and started again at the same address."""

    def __init__(self, folder: str) -> None:
        port = free_port()
        self._environment = {
            "SESSIONWIRE_DATA_DIR": folder,
            "SESSIONWIRE_DATABASE": f"sqlite://{folder}/sessionwire.db",
            "SESSIONWIRE_LISTEN": f"127.0.0.1:{port}",
        }
        self._process: subprocess.Popen[str] | None = None
        key = _run(["key", "create", "--scope", "admin"], self._environment)
        try:
            super().__init__(f"http://127.0.0.1:{port}", _first_line(key).strip())
        finally:
            _end(key, signal.SIGTERM)

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        self._process = _run(["serve"], self._environment)
        until = time.monotonic() + _START_PATIENCE
        while time.monotonic() < until:
            assert self._process.poll() is None, "the server did not start"
            with suppress(httpx.TransportError):
                if self._http.get("/readyz").is_success:
                    return
            time.sleep(0.02)
        raise AssertionError("the server did not get ready")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stops it and waits for that."""
        if self._process is not None:
            _end(self._process, how)
            self._process = None


@contextmanager
def served() -> Iterator[Served]:
    """A server on a folder of its own; starts with `start`."""
    with tempfile.TemporaryDirectory(prefix="sessionwire-python-") as folder:
        server = Served(folder)
        try:
            yield server
        finally:
            server.stop(signal.SIGKILL)
            server.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def program() -> str:
    """The server's program."""
    path = os.environ.get("SERVER_PROGRAM")
    assert path, "SERVER_PROGRAM must name the server's program"
    assert Path(path).is_file(), f"there is no server at {path}"
    return path


def _run(arguments: list[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    # The server takes every SESSIONWIRE_ variable for a setting and refuses those that it doesn't know.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SESSIONWIRE_")}
    return subprocess.Popen(
        [program(), *arguments],
        env={**inherited, **_CHEAP, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def _first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the server said nothing"
    return line


def _end(process: "subprocess.Popen[str]", how: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(how)
    process.wait(_START_PATIENCE)
    if process.stdout is not None:
        process.stdout.close()
