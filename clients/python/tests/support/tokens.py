"""Tokens and keys of a server that is not there. It may not know the guard."""

import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "https://sessions.example"
AUDIENCE = "reports-api"
ANNA = "0199a8f0-6d0e-7c55-8a4e-6c2f3f1f7a10"
LAPTOP = "0199a8f0-6d0e-7c55-8a4e-6c2f3f1f7a11"


class Signer:
    """A key of the server and what it signs."""

    def __init__(self, kid: str = "k1") -> None:
        self.kid = kid
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key."""
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {**jwk, "kid": self.kid, "alg": "ES256", "use": "sig"}

    def token(self, **changes: Any) -> str:
        """Anna's token from her laptop, as of position 100."""
        header = {"typ": "at+jwt", "kid": self.kid}
        return jwt.encode(members(**changes), self._key, "ES256", headers=header)

    def sign(self, body: bytes, header: dict[str, Any]) -> str:
        """Any body under any header."""
        return jwt.PyJWS().encode(body, self._key, "ES256", headers=header)


def members(**changes: Any) -> dict[str, Any]:
    """The claims of Anna's token; those that are changed to `None` are left out."""
    now = int(time.time())
    whole = {
        "iss": ISSUER,
        "sub": ANNA,
        "aud": AUDIENCE,
        "client_id": "sessionwire",
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid.uuid4()),
        "sid": LAPTOP,
        "device_id": "0199a8f0-6d0e-7c55-8a4e-6c2f3f1f7a12",
        "auth_time": now - 600,
        "groups": ["analysts"],
        "permissions": ["reports:read"],
        "as_of": 100,
        "fence": 40,
        "gen": 1,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}
