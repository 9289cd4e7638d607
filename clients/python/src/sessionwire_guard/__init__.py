"""Checks Sessionwire tokens in memory and stops accepting a revoked one at once.

Read in this order: `core` (one token, one verdict), `feed` and `index` (what it is decided by), `following` (how that
stays fresh), `guard` and `aio` (what services hold), then `asgi`, `fastapi` and `django`.
"""

from .aio import AsyncGuard
from .base import BaseGuard, Fenced
from .claims import Claims
from .errors import GuardError, SettingsError
from .guard import Guard
from .settings import Behind, Settings

__all__ = [
    "AsyncGuard",
    "BaseGuard",
    "Behind",
    "Claims",
    "Fenced",
    "Guard",
    "GuardError",
    "Settings",
    "SettingsError",
]
