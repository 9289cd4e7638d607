"""A server that misbehaves: its feed does what a test tells it. It may not know the guard."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .tokens import Signer

_HEAD_MAX = 64 * 1024


class Stream:
    """One request for the feed."""

    def __init__(self, connection: socket.socket, number: int, after: int | None) -> None:
        self._connection = connection
        self.number = number
        self.after = after

    def begin(self, kind: str = "text/event-stream") -> None:
        """Answers that the feed follows."""
        self.raw(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode())

    def refuse(self, status: int) -> None:
        """Answers with a status and nothing else."""
        self.raw(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def send(self, event: str, **data: Any) -> None:
        """A message."""
        self.raw(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())

    def hello(self, head: int, heartbeat_ms: int = 1000) -> None:
        """The first message."""
        reader = f"0199a8f0-0000-7000-8000-{self.number:012}"
        self.send("hello", reader=reader, head=head, heartbeat_ms=heartbeat_ms)

    def snapshot(self, seq: int, *changes: Any, more: bool = False) -> None:
        """A piece of the index."""
        self.send("snapshot", seq=seq, changes=changes, more=more)

    def changes(self, after: int, seq: int, *changes: Any, head: int | None = None) -> None:
        """A stretch of the log."""
        self.send("changes", after=after, seq=seq, head=seq if head is None else head, changes=changes)

    def raw(self, data: bytes) -> None:
        """Anything."""
        self._connection.sendall(data)

    def wait_closed(self, timeout: float = 30) -> bool:
        """Waits until the reader goes away; says whether it did."""
        self._connection.settimeout(timeout)
        try:
            while self._connection.recv(4096):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True


class Fake:
    """The server."""

    def __init__(self, feed: Callable[[Stream], None]) -> None:
        self._feed = feed
        self.signer = Signer()
        self.jwks: Any = {"keys": [self.signer.jwk]}
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.told: list[tuple[str, Any]] = []
        self.streams: list[Stream] = []
        self.key_requests = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends everything."""
        # Closing alone does not wake a thread that waits for the next connection.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with self._lock:
                    self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while self._serve_one(connection):
                pass
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def _serve_one(self, connection: socket.socket) -> bool:
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(4096)
            if not piece or len(received) > _HEAD_MAX:
                return False
            received += piece
        top, _, body = received.partition(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            body += connection.recv(4096)
        path = first.split(" ")[1]
        if path == "/v1/feed":
            after = headers.get("last-event-id")
            stream = Stream(connection, len(self.streams) + 1, None if after is None else int(after))
            self.streams.append(stream)
            self._feed(stream)
            return False
        status, answer = self._answer(path, body)
        head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        connection.sendall(head.encode() + answer)
        return True

    def _answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path in self.answers:
            if path == "/.well-known/jwks.json":
                self.key_requests += 1
            return self.answers[path]
        if path == "/.well-known/jwks.json":
            self.key_requests += 1
            return 200, json.dumps(self.jwks).encode()
        if path in ("/v1/feed/acks", "/v1/feed/late-uses"):
            self.told.append((path, json.loads(body)))
            return 200, b"{}"
        return 404, b""


@contextmanager
def fake(feed: Callable[[Stream], None]) -> Iterator[Fake]:
    """A server with this feed, until the end of the block."""
    server = Fake(feed)
    try:
        yield server
    finally:
        server.close()
