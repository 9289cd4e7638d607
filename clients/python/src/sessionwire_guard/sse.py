"""Server-sent events out of bytes, as they come. It may not know what the events mean, nor how bytes travel."""

from collections.abc import Iterator
from typing import Final

# The longest line, and the longest message: a thousand changes of long names fit.
MESSAGE_BYTES_MAX: Final = 8 * 1024 * 1024


class TooLong(Exception):
    """A message that does not end."""


class Events:
    """Takes pieces of a stream in, gives events out."""

    def __init__(self, bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rest = bytearray()
        # Up to here the rest holds no end of a line: a long line must not be searched again with every piece.
        self._searched = 0
        self._skips_newline = False
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        """The events, name and data, that are whole now. Raises `TooLong`."""
        self._rest += piece
        while (line := self._next_line()) is not None:
            if line:
                self._field(line)
            elif self._data:
                yield self._name.decode("utf-8", "replace"), b"\n".join(self._data)
                self._forget()
            else:
                self._forget()
        if len(self._rest) > self._bytes_max:
            raise TooLong

    def _next_line(self) -> bytes | None:
        rest = self._rest
        if self._skips_newline and rest:
            self._skips_newline = False
            if rest[0] == ord("\n"):
                del rest[:1]
        end = rest.find(b"\n", self._searched)
        carriage = rest.find(b"\r", self._searched, end if end >= 0 else len(rest))
        if carriage >= 0:
            end = carriage
            self._skips_newline = True
        if end < 0:
            self._searched = len(rest)
            return None
        line = bytes(rest[:end])
        del rest[: end + 1]
        self._searched = 0
        return line

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._name = value
        elif name == b"data":
            self._size += len(value)
            if self._size > self._bytes_max:
                raise TooLong
            self._data.append(value)

    def _forget(self) -> None:
        self._name = b""
        self._data = []
        self._size = 0
