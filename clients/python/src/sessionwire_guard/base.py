"""What the guard with a thread and the guard in an event loop have in common. It may not know where either works."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx

from .claims import Claims
from .clock import Clock, SystemClock
from .core import Core
from .settings import Behind, Settings


class Fenced:
    """One user's fence, for a write path."""

    def __init__(self, guard: "BaseGuard", user_id: str) -> None:
        self._guard = guard
        self.user_id = user_id

    @property
    def fence(self) -> int:
        """The highest fence of this user that the guard has accepted; 0 where it has none."""
        return self._guard.core.fence_of(self.user_id)

    def admit(self, claims: Claims) -> None:
        """Lets a write pass, unless a later session of the user was seen or it is somebody else's: then it raises
        `GuardError` with the code `fenced`."""
        self._guard.core.admit(self.user_id, claims)


class BaseGuard:
    """Decides about tokens in memory."""

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        issuer: str,
        audience: str,
        issuers: Sequence[str] = (),
        max_feed_lag: float = 2.0,
        behind: Behind = "refuse",
        leeway: int = 0,
        cache_size: int = 10_000,
        index_size_max: int = 1_000_000,
        ready_timeout: float = 2.0,
        clock: Clock | None = None,
        http: Callable[[], httpx.AsyncClient] = httpx.AsyncClient,
    ) -> None:
        """See `Settings` for what each is."""
        self.settings = Settings(
            url=url,
            api_key=api_key,
            issuer=issuer,
            audience=audience,
            issuers=issuers,
            max_feed_lag=max_feed_lag,
            behind=behind,
            leeway=leeway,
            cache_size=cache_size,
            index_size_max=index_size_max,
            ready_timeout=ready_timeout,
            clock=clock or SystemClock(),
            http=http,
        )
        self.core = self.fresh_core()
        self.is_closed = False
        self._prepare()

    def _prepare(self) -> None:
        raise NotImplementedError

    def fresh_core(self) -> Core:
        """A core that knows nothing yet."""
        return Core(self.settings)

    @property
    def position(self) -> int | None:
        """The log position up to which everything is known; `None` where nothing is yet."""
        return self.core.position

    @property
    def lag(self) -> float | None:
        """How old what is known is, in seconds; `None` where nothing ever was."""
        return self.core.lag

    @property
    def can_decide(self) -> bool:
        """Whether the guard has keys and an index that is young enough: what a readiness probe asks."""
        return self.core.can_decide

    def fenced(self, user_id: str) -> Fenced:
        """A user's fence."""
        return Fenced(self, user_id)

    def metrics_text(self) -> str:
        """Everything that is counted, in Prometheus' text format."""
        return self.core.metrics_text()

    def check_now(
        self, token: str | None, *, requires: str | None = None, behind: Behind | None = None, what: str = ""
    ) -> Claims:
        """The claims of a good token, without ever waiting: what would have to be asked is `cannot_decide`."""
        said = self.core.look(token, requires, behind, what)
        if isinstance(said, Claims):
            return said
        raise self.core.refusal("cannot_decide")

    async def acheck(
        self, token: str | None, *, requires: str | None = None, behind: Behind | None = None, what: str = ""
    ) -> Claims:
        """The claims of a good token, awaited."""
        raise NotImplementedError

    def requires(self, permission: str | None = None, *, behind: Behind | None = None) -> Callable[..., Any]:
        """A dependency for FastAPI: `Depends(guard.requires("reports:read"))`; without a permission any good token
        will do."""
        from .fastapi import dependency  # noqa: PLC0415

        return dependency(self, permission, behind)
