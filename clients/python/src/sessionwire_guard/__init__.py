"""Checks Sessionwire tokens in memory and stops accepting a revoked one at once."""

from .claims import Claims
from .errors import GuardError, SettingsError

__all__ = ["Claims", "GuardError", "SettingsError"]
