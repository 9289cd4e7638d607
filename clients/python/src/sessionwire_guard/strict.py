"""Reading what others wrote: JSON, base64url and UUIDs, as strictly as the server's own code does. Python's
readers take more than the standards allow, and a token must not be good here and bad there. It may not know what
is read.
"""

import base64
import binascii
import json
import re
from typing import Any, Final, NoReturn

U64_MAX: Final = 2**64 - 1
I64_MAX: Final = 2**63 - 1

_HYPHENATED: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIMPLE: Final = re.compile(r"([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})")


class Unreadable(ValueError):
    """It is not what it should be."""


def _no_constant(name: str) -> NoReturn:
    raise Unreadable(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("a name twice in one object")
    return members


_RELAXED: Final = json.JSONDecoder(parse_constant=_no_constant)
_UNIQUE: Final = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_unique)


def read_json(raw: bytes, *, unique: bool = False) -> Any:
    """The value of a JSON text in UTF-8. `unique`: no object may have a name twice."""
    try:
        return (_UNIQUE if unique else _RELAXED).decode(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error


def read_base64url(text: str) -> bytes:
    """The bytes of a base64url text without padding, in its one spelling."""
    padded = text.encode("ascii") + b"=" * (-len(text) % 4)
    try:
        raw = base64.urlsafe_b64decode(padded)
    except binascii.Error as error:
        raise Unreadable("it is no base64url") from error
    # The decoder skips what is no letter of the alphabet and ignores the last bits.
    if base64.urlsafe_b64encode(raw) != padded:
        raise Unreadable("it is no base64url")
    return raw


def text(value: object) -> str:
    """A text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise Unreadable("a text is expected")
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise Unreadable("half a character") from error
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise Unreadable("a list is expected")
    return tuple(map(text, value))


def whole(value: object, least: int, most: int) -> int:
    """A whole number within bounds. `true` is none, though Python says so."""
    if type(value) is not int or not least <= value <= most:
        raise Unreadable("a whole number is expected")
    return value


def position(value: object) -> int:
    """A position of the log."""
    return whole(value, 0, U64_MAX)


def seconds(value: object) -> int:
    """Seconds since the Unix epoch."""
    return whole(value, -I64_MAX - 1, I64_MAX)


def uuid(value: object) -> str:
    """A UUID in its usual spelling."""
    if not isinstance(value, str):
        raise Unreadable("a UUID is expected")
    if _HYPHENATED.fullmatch(value):
        return value
    return _uuid_in_other_clothes(value)


def _uuid_in_other_clothes(value: str) -> str:
    if not value.isascii():
        raise Unreadable("a UUID is expected")
    bare = value.lower()
    if bare.startswith("urn:uuid:"):
        bare = bare.removeprefix("urn:uuid:")
    elif bare.startswith("{") and bare.endswith("}"):
        bare = bare[1:-1]
    elif simple := _SIMPLE.fullmatch(bare):
        return "-".join(simple.groups())
    if not _HYPHENATED.fullmatch(bare):
        raise Unreadable("a UUID is expected")
    return bare
