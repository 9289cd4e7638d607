"""What a guard can be told. It may not know how it is carried out."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

import httpx

from .clock import Clock, SystemClock
from .errors import SettingsError

Behind = Literal["refuse", "introspect", "accept"]
BEHIND: Final = get_args(Behind)
_LEEWAY_MAX: Final = 300
# What may stand in a header.
_VISIBLE: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a guard."""

    url: str
    """The server: `https://sessions.example`."""
    api_key: str = field(repr=False)
    """An API key with the scope `feed`, and for `introspect` and `issuers` also `verify`."""
    issuer: str
    """`iss` of good tokens."""
    audience: str
    """`aud` of good tokens."""
    issuers: Sequence[str] = ()
    """The `iss` of other issuers whose tokens the server takes as they are (`use = "attach"`). The server is asked
    about such a token once, and from then on the feed decides; without them they are refused."""
    max_feed_lag: float = 2.0
    """How old the guard's knowledge may be, in seconds."""
    behind: Behind = "refuse"
    """What happens past it."""
    leeway: int = 0
    """Seconds that a token is taken for longer than it says."""
    cache_size: int = 10_000
    """Verified tokens that are remembered, so that a repeated one costs no signature check."""
    index_size_max: int = 1_000_000
    """Entries that the index may have. Past it the guard can't decide."""
    ready_timeout: float = 2.0
    """How long the first check waits for a guard that it had to start, in seconds."""
    clock: Clock = field(default_factory=SystemClock, repr=False)
    """What time it is."""
    http: Callable[[], httpx.AsyncClient] = field(default=httpx.AsyncClient, repr=False)
    """Makes the HTTP client: for private authorities, proxies, tests."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise SettingsError("`url` must be the server's address, such as https://sessions.example")
        if not _VISIBLE.fullmatch(self.api_key):
            raise SettingsError("`api_key` must be a key of the server")
        if not self.issuer or not self.audience:
            raise SettingsError("`issuer` and `audience` must say whose tokens are taken, and for whom")
        if isinstance(self.issuers, str) or not all(iss and iss != self.issuer for iss in self.issuers):
            raise SettingsError("`issuers` is a list of issuers other than `issuer`")
        if not self.max_feed_lag >= 1:
            raise SettingsError("`max_feed_lag` must be at least a second: the feed's heartbeat")
        if self.behind not in BEHIND:
            raise SettingsError(f"`behind` is one of {', '.join(BEHIND)}")
        if not 0 <= self.leeway <= _LEEWAY_MAX:
            raise SettingsError(f"`leeway` is 0 to {_LEEWAY_MAX} seconds")
        if self.cache_size < 0 or self.index_size_max < 1:
            raise SettingsError("`cache_size` and `index_size_max` are numbers of things")

    def address(self, path: str) -> str:
        """The server's address with this path."""
        return self.url.rstrip("/") + path


def checked_behind(behind: str | None) -> None:
    """A route's own choice must be one; a misspelt one must not become another."""
    if behind is not None and behind not in BEHIND:
        raise SettingsError(f"`behind` is one of {', '.join(BEHIND)}")
