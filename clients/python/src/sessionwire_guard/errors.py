"""Why a token is not accepted: one list for code, status and sentence, as the server words it. It may not know
who asks, nor any web framework.
"""

from typing import Final, Literal

from .reasons import SENTENCES

Code = Literal[
    "token_missing",
    "token_invalid",
    "token_expired",
    "session_ended",
    "token_stale",
    "forbidden",
    "cannot_decide",
    "fenced",
]

_STATUS: Final[dict[str, int]] = {
    "token_missing": 401,
    "token_invalid": 401,
    "token_expired": 401,
    "session_ended": 401,
    "token_stale": 401,
    "forbidden": 403,
    "cannot_decide": 503,
    "fenced": 409,
}

_DETAIL: Final[dict[str, str]] = {
    "token_missing": "send a token in the `Authorization: Bearer` header",
    "token_invalid": "the token is not valid; sign in",
    "token_expired": "the token has expired; refresh it",
    "session_ended": "the session has ended",
    "token_stale": "the token's rights are out of date; refresh it and repeat the request",
    "forbidden": "the token lacks the permission that this needs",
    "cannot_decide": "it can't be told at the moment whether the token is good; try again",
    "fenced": "a later session of the user has taken over; nothing was written",
}

# RFC 6750 section 3: a caller that gave no token is told no more than the scheme.
_CHALLENGE: Final[dict[str, str]] = {
    "token_missing": "",
    "token_invalid": "the token is not valid",
    "token_expired": "the token has expired",
    "session_ended": "the session has ended",
    "token_stale": "the token's rights are out of date",
}

# As a Sessionwire socket is closed; a client of one knows what to do with them.
_CLOSE: Final[dict[str, int]] = {
    "token_missing": 4500,
    "token_invalid": 4500,
    "token_expired": 4001,
    "session_ended": 4501,
    "token_stale": 4500,
    "forbidden": 4505,
    "cannot_decide": 4005,
    "fenced": 4502,
}
_CLOSE_BY_REASON: Final[dict[str, int]] = {
    "superseded": 4502,
    "user_deleted": 4503,
    "user_suspended": 4503,
}


class GuardError(Exception):
    """A token is not accepted: `code` is for programs, `detail` for people."""

    def __init__(self, code: Code, reason: str | None = None) -> None:
        super().__init__(code if reason is None else f"{code}: {reason}")
        self.code: Code = code
        self.status: int = _STATUS[code]
        # With `session_ended`: why.
        self.reason: str | None = reason

    def __reduce__(self) -> tuple[type["GuardError"], tuple[Code, str | None]]:
        return (type(self), (self.code, self.reason))

    @property
    def detail(self) -> str:
        """What happened and what to do about it, for a person."""
        sentence = SENTENCES.get(self.reason or "")
        return f"{_DETAIL[self.code]}: {sentence}" if sentence else _DETAIL[self.code]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an answer that says so."""
        headers = {"Content-Type": "application/problem+json"}
        said = _CHALLENGE.get(self.code)
        if said is not None:
            told = f', error="invalid_token", error_description="{said}"' if said else ""
            headers["WWW-Authenticate"] = f'Bearer realm="sessionwire"{told}'
        if self.code == "cannot_decide":
            headers["Retry-After"] = "1"
        return headers

    @property
    def problem(self) -> dict[str, str | int]:
        """The body of an answer that says so (RFC 9457)."""
        problem: dict[str, str | int] = {
            "type": f"urn:sessionwire:error:{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.reason is not None:
            problem["reason"] = self.reason
        return problem

    @property
    def close(self) -> tuple[int, str]:
        """The code and reason that a WebSocket is closed with."""
        code = _CLOSE_BY_REASON.get(self.reason or "", _CLOSE[self.code])
        return (code, self.reason or self.code)


class SettingsError(ValueError):
    """A setting is of no use; says which and why."""
