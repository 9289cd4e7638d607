"""Real web servers for a test: uvicorn in a thread, or a program of one's own. It may not know what is served."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from .server import free_port

_PATIENCE = 30.0
_HERE = Path(__file__).parents[2]


@contextmanager
def uvicorn_of(app: Any) -> Iterator[str]:
    """Serves an ASGI application; answers its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + _PATIENCE
        while not server.started:
            assert thread.is_alive(), "uvicorn did not start"
            assert time.monotonic() < until, "uvicorn did not get ready"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)


@contextmanager
def program_of(module: str, arguments: list[str], environment: Mapping[str, str]) -> Iterator[str]:
    """Serves with a program that is told its address by `{address}`; answers the address."""
    address = f"127.0.0.1:{free_port()}"
    host, port = address.split(":")
    told = [argument.format(address=address, host=host, port=port) for argument in arguments]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *told], cwd=_HERE, env={**os.environ, **environment}, stdin=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + _PATIENCE
        while True:
            assert process.poll() is None, f"{module} did not start"
            assert time.monotonic() < until, f"{module} did not get ready"
            with suppress(OSError), socket.create_connection((host, int(port)), 1):
                break
            time.sleep(0.02)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(_PATIENCE)
    # uvicorn ends by the signal that it was sent.
    assert process.returncode in (0, -signal.SIGTERM), f"{module} ended with {process.returncode}"


def get(url: str, token: str | None = None, **headers: str) -> httpx.Response:
    """One request, with a token or without."""
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.get(url, headers=headers, timeout=30)


def problem(answer: httpx.Response) -> str:
    """The code of a refusal, once its form is as the server's."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:sessionwire:error:{body['code']}"
    assert body["title"]
    assert body["detail"]
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    assert ("retry-after" in answer.headers) == (answer.status_code == 503)
    assert ("reason" in body) == (body["code"] == "session_ended")
    code: str = body["code"]
    return code
