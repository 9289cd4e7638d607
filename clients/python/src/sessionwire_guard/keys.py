"""Is a token genuine: signature, type, issuer, audience, by the rules of RFC 8725. It may not know where keys come
from, what time it is, nor whether the session has ended.

The algorithm is that of the key and never the header's choice. Headers that bring their own key or ask for
extensions are refused, not ignored.
"""

import re
from collections import Counter
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from . import strict
from .claims import Claims, read_claims

# The longest token that is looked at. A token with two hundred groups fits.
TOKEN_BYTES_MAX: Final = 16 * 1024
# Keys of one set. A set of more is none.
KEYS_MAX: Final = 100
_RSA_BITS_MIN: Final = 2048
_THREE_PARTS: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_TYPES: Final = ("at+jwt", "application/at+jwt")
# The members of a header that ask for nothing.
_HARMLESS: Final = frozenset({"x5t", "x5t#S256", "url", "nonce"})
_REFUSED: Final = frozenset({"cty", "jku", "jwk", "x5u", "x5c", "crit", "zip", "enc"})
# Key type and curve to algorithm, and the members that make the public key: a private part is not even read.
_KINDS: Final[dict[tuple[str, str], tuple[str, tuple[str, ...]]]] = {
    ("EC", "P-256"): ("ES256", ("kty", "crv", "x", "y")),
    ("OKP", "Ed25519"): ("EdDSA", ("kty", "crv", "x")),
    ("RSA", ""): ("RS256", ("kty", "n", "e")),
}


class NotGenuine(Exception):
    """Malformed, foreign, forged, of another type or for somebody else."""


class UnknownKey(Exception):
    """The token names a key that is not there; it may be a new one."""


class KeySet:
    """The keys, issuer and audience that a genuine token has. Never changes."""

    def __init__(self, issuer: str, audience: str, keys: dict[str, jwt.PyJWK]) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys

    @classmethod
    def read(cls, issuer: str, audience: str, jwks: object) -> "KeySet":
        """The keys of a published set (RFC 7517). Raises `Unreadable`.

        A key that can't be used is left out, so that a new kind of key takes nobody's tokens away; two keys of
        one `kid` are both left out, since nobody can say which is meant.
        """
        published = jwks.get("keys") if isinstance(jwks, dict) else None
        if not isinstance(published, list) or len(published) > KEYS_MAX:
            raise strict.Unreadable("it is no key set")
        kids = Counter(_member(key, "kid") for key in published)
        keys = {}
        for jwk in published:
            kid = _member(jwk, "kid")
            key = _usable(jwk) if kid and kids[kid] == 1 else None
            if key is not None:
                keys[kid] = key
        return cls(issuer, audience, keys)

    def differing(self, newer: "KeySet") -> set[str]:
        """The names that stand for another key in the newer set, or for none."""
        return {kid for kid, key in self._keys.items() if not _same(key, newer._keys.get(kid))}

    def verify(self, token: str) -> tuple[Claims, str]:
        """Checks everything but expiry and revocation; answers also the name of the key."""
        try:
            return self._verify(token)
        except strict.Unreadable as error:
            raise NotGenuine from error

    def _verify(self, token: str) -> tuple[Claims, str]:
        parts = _THREE_PARTS.fullmatch(token) if len(token) <= TOKEN_BYTES_MAX else None
        if parts is None:
            raise NotGenuine
        head, body, signature = parts.groups()
        kid, algorithm = _read_header(strict.read_base64url(head))
        key = self._keys.get(kid)
        if key is None:
            raise UnknownKey
        signed = f"{head}.{body}".encode("ascii")
        if algorithm != key.algorithm_name or not key.Algorithm.verify(
            signed, key.key, strict.read_base64url(signature)
        ):
            raise NotGenuine
        claims = read_claims(strict.read_base64url(body), kid)
        if claims.iss != self._issuer or claims.aud != self._audience:
            raise NotGenuine
        return claims, kid


def _read_header(raw: bytes) -> tuple[str, str]:
    header = strict.read_json(raw, unique=True)
    if not isinstance(header, dict):
        raise NotGenuine
    for name, value in header.items():
        if name in _REFUSED:
            if value is not None:
                raise NotGenuine
        elif name in _HARMLESS:
            if value is not None:
                strict.text(value)
        elif name not in ("typ", "alg", "kid"):
            raise NotGenuine
    if strict.text(header.get("typ")).lower() not in _TYPES:
        raise NotGenuine
    return strict.text(header.get("kid")), strict.text(header.get("alg"))


def _member(jwk: object, name: str) -> str:
    value = jwk.get(name) if isinstance(jwk, dict) else None
    return value if isinstance(value, str) else ""


def _usable(jwk: Any) -> jwt.PyJWK | None:
    kty = _member(jwk, "kty")
    algorithm, members = _KINDS.get((kty, "" if kty == "RSA" else _member(jwk, "crv")), ("", ()))
    if not algorithm or _member(jwk, "alg") not in ("", algorithm) or _member(jwk, "use") not in ("", "sig"):
        return None
    public = {name: _member(jwk, name) for name in members}
    try:
        key = jwt.PyJWK(public, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _RSA_BITS_MIN:
        return None
    return key


def _same(one: jwt.PyJWK, other: jwt.PyJWK | None) -> bool:
    return other is not None and one.algorithm_name == other.algorithm_name and bool(one.key == other.key)
