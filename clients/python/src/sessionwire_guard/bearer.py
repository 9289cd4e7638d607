"""The token of `Authorization: Bearer`. It may not know any web framework."""

from collections.abc import Sequence

from .errors import GuardError


def bearer(headers: Sequence[str]) -> str | None:
    """The token in a request's `Authorization` headers; `None` where there is none. Two such headers are none that
    can be believed."""
    if len(headers) > 1:
        raise GuardError("token_invalid")
    if not headers:
        return None
    scheme, _, token = headers[0].strip().partition(" ")
    return token.strip() if token and scheme.lower() == "bearer" else None
