"""What an access token says (RFC 9068 profile). It may not know how tokens are signed."""

from dataclasses import dataclass

from . import strict

_U32_MAX = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of an access token. Times are whole seconds since the Unix epoch; ids are UUIDs as text."""

    iss: str
    """Who issued it."""
    sub: str
    """The user."""
    aud: str
    """Whom it is meant for."""
    client_id: str
    """The client it was issued to."""
    iat: int
    """When it was issued; says nothing about whether it is good."""
    exp: int
    """When it stops being good, whatever else happens."""
    jti: str
    """This token's own id."""
    sid: str
    """The session."""
    device_id: str
    """The device of the session."""
    auth_time: int
    """When the person proved who they are."""
    groups: tuple[str, ...]
    """Names of the user's groups."""
    permissions: tuple[str, ...]
    """The user's effective permissions."""
    as_of: int
    """How much of the log this token has seen."""
    fence: int
    """The position at which the session began. Of two sessions of a user the later has the higher."""
    generation: int
    """Which refresh token it was issued with."""
    kid: str | None = None
    """The key that vouches for all this: from the token's header, no claim. None where the server was asked."""

    def allows(self, permission: str) -> bool:
        """Whether the token lists this permission."""
        return permission in self.permissions


def read_claims(payload: bytes, kid: str) -> Claims:
    """The claims of a token's payload that this key vouches for. Raises `Unreadable`."""
    return claims_from(strict.read_json(payload, unique=True), kid)


def claims_from(members: object, kid: str | None = None) -> Claims:
    """The claims of an object that has them among its members. Raises `Unreadable`."""
    if not isinstance(members, dict):
        raise strict.Unreadable("an object is expected")
    if "cnf" in members:
        raise strict.Unreadable(
            "it is good only beside something that is not shown here (RFC 7800), and may be stolen"
        )
    member = members.get
    return Claims(
        iss=strict.text(member("iss")),
        sub=strict.uuid(member("sub")),
        aud=strict.text(member("aud")),
        client_id=strict.text(member("client_id")),
        iat=strict.seconds(member("iat")),
        exp=strict.seconds(member("exp")),
        jti=strict.uuid(member("jti")),
        sid=strict.uuid(member("sid")),
        device_id=strict.uuid(member("device_id")),
        auth_time=strict.seconds(member("auth_time")),
        groups=strict.texts(member("groups")),
        permissions=strict.texts(member("permissions")),
        as_of=strict.position(member("as_of")),
        fence=strict.position(member("fence")),
        generation=strict.whole(member("gen"), 0, _U32_MAX),
        kid=kid,
    )
