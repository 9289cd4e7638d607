"""Server-sent events out of bytes, however they are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionwire_guard.sse import Events, TooLong

WHOLE = (
    b": a comment\n"
    b"event: hello\ndata: {}\n\n"
    b"event:changes\r\nid: 5\r\ndata:{\r\ndata: }\r\n\r\n"
    b"data: nameless\r\r"
    b"event: lost\n\n"
    b"event: after\ndata\n\n"
    b"retry: 5\nevent: last\ndata: \xc3\xb6\n\n"
    b"event: unfinished\ndata: x\n"
)
EVENTS = [
    ("hello", b"{}"),
    ("changes", b"{\n}"),
    ("", b"nameless"),
    ("after", b""),
    ("last", "ö".encode()),
]


@given(st.lists(st.integers(0, len(WHOLE)), max_size=20))
def test_events_are_the_same_however_the_bytes_come(cuts: list[int]) -> None:
    reader = Events()
    borders = [0, *sorted(cuts), len(WHOLE)]
    heard = [event for start, end in pairwise(borders) for event in reader.feed(WHOLE[start:end])]
    assert heard == EVENTS


def test_byte_by_byte() -> None:
    reader = Events()
    assert [event for byte in WHOLE for event in reader.feed(bytes([byte]))] == EVENTS


@pytest.mark.parametrize(
    "endless", [b"x" * 100, b"data: " + b"x" * 100, b"data: xxxxxxxxxxxxxxxx\n" * 8], ids=["line", "data", "lines"]
)
def test_what_does_not_end_is_a_fault(endless: bytes) -> None:
    reader = Events(bytes_max=64)
    with pytest.raises(TooLong):
        list(reader.feed(endless))


def test_a_message_of_just_the_size_passes() -> None:
    assert list(Events(bytes_max=64).feed(b"data: " + b"x" * 58 + b"\n\n")) == [("", b"x" * 58)]
