"""Makes the test vectors that every guard and the server pass: guard.json.

Run anew when a case is added: `python3 make.py` (needs the package `cryptography`). Keys are made for the
occasion and thrown away, so the whole file changes. It may not know how any guard decides: the verdicts
are written down here by hand, from the specification.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import uuid

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

NOW = 1_790_000_000
ISSUER = "https://sessions.example"
AUDIENCE = "reports-api"
KEEP_UNTIL = NOW + 3_660


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def named(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


class Es256:
    alg = "ES256"

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def sign(self, data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def jwk(self) -> dict:
        numbers = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}


class EdDsa:
    alg = "EdDSA"

    def __init__(self) -> None:
        self.key = ed25519.Ed25519PrivateKey.generate()

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data)

    def jwk(self) -> dict:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}


class Rs256:
    alg = "RS256"

    def __init__(self, bits: int = 2048) -> None:
        self.key = rsa.generate_private_key(65537, bits)

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def jwk(self) -> dict:
        numbers = self.key.public_key().public_numbers()
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}


class Hs256:
    """What an attacker signs who holds the public key only."""

    alg = "HS256"

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def sign(self, data: bytes) -> bytes:
        return hmac.new(self.secret, data, hashlib.sha256).digest()


class Unsigned:
    alg = "none"

    def sign(self, data: bytes) -> bytes:
        return b""


KEYS = {
    "es": Es256(),
    "ed": EdDsa(),
    "rs": Rs256(),
    "weak": Rs256(1024),
    "odd": Es256(),
    "twice": Es256(),
}


def jwks() -> dict:
    keys = [{**key.jwk(), "kid": kid, "alg": key.alg, "use": "sig"} for kid, key in KEYS.items()]
    for key in keys:
        if key["kid"] == "odd":
            key["alg"] = "ES256K"
    keys.append({**Es256().jwk(), "kid": "twice", "alg": "ES256", "use": "sig"})
    return {"keys": keys}


ANNA, BEN = named("anna"), named("ben")
LAPTOP, PHONE = named("laptop of anna"), named("phone of anna")
BENS = named("session of ben")


def claims(**changes) -> dict:
    """Anna's token from her laptop, as of position 100."""
    whole = {
        "iss": ISSUER,
        "sub": ANNA,
        "aud": AUDIENCE,
        "client_id": "sessionwire",
        "iat": NOW - 60,
        "exp": NOW + 240,
        "jti": str(uuid.uuid4()),
        "sid": LAPTOP,
        "device_id": named("device of anna"),
        "auth_time": NOW - 600,
        "groups": ["analysts", "Größe XL"],
        "permissions": ["reports:read"],
        "as_of": 100,
        "fence": 40,
        "gen": 3,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def token(body: dict | None = None, kid: str | None = "es", signer=None, **header) -> str:
    signer = signer or KEYS[kid]
    head = {"typ": "at+jwt", "alg": signer.alg, "kid": kid, **header}
    head = {name: value for name, value in head.items() if value is not None}
    text = ".".join(b64(json.dumps(part).encode()) for part in (head, body or claims()))
    return f"{text}.{b64(signer.sign(text.encode()))}"


def other_body(whole: str) -> str:
    """The same head and signature, and somebody else's claims."""
    head, _, signature = whole.split(".")
    return ".".join((head, b64(json.dumps(claims(sub=BEN)).encode()), signature))


def ended(session: str, seq: int, reason: str = "revoked_by_admin") -> dict:
    return {"kind": "session_ended", "session_id": session, "reason": reason, "seq": seq, "keep_until": KEEP_UNTIL}


def user_ended(user: str, seq: int, reason: str = "user_suspended") -> dict:
    return {"kind": "user_ended", "user_id": user, "reason": reason, "seq": seq, "keep_until": KEEP_UNTIL}


def everybody_ended(seq: int) -> dict:
    return {"kind": "everybody_ended", "reason": "revoke_all", "seq": seq, "keep_until": KEEP_UNTIL}


def user_rights(user: str, seq: int) -> dict:
    return {"kind": "user_rights_changed", "user_id": user, "seq": seq, "keep_until": KEEP_UNTIL}


def group_rights(group: str, seq: int) -> dict:
    return {"kind": "group_rights_changed", "group": group, "seq": seq, "keep_until": KEEP_UNTIL}


def key_retired(kid: str, seq: int) -> dict:
    return {"kind": "signing_key_retired", "kid": kid, "seq": seq, "keep_until": 253_402_300_801}


def index(seq: int, *changes: dict) -> dict:
    return {"seq": seq, "changes": list(changes)}


INDEXES = {
    "empty": index(100),
    "laptop ended": index(130, ended(LAPTOP, 120)),
    "laptop ended before the token's position": index(130, ended(LAPTOP, 90)),
    "phone ended": index(130, ended(PHONE, 120)),
    "anna ended": index(130, user_ended(ANNA, 120)),
    "ben ended": index(130, user_ended(BEN, 120)),
    "everybody ended": index(130, everybody_ended(120)),
    "anna's rights": index(130, user_rights(ANNA, 120)),
    "analysts": index(130, group_rights("analysts", 120)),
    "a name beyond ASCII": index(130, group_rights("Größe XL", 120)),
    "editors": index(130, group_rights("editors", 120)),
    "another spelling": index(130, group_rights("Analysts", 120)),
    "key retired": index(130, key_retired("es", 120)),
    "another key retired": index(130, key_retired("ed", 120)),
    "key retired before a snapshot": index(130, key_retired("es", 1)),
    "key retired, laptop ended": index(130, ended(LAPTOP, 110), key_retired("es", 120)),
    "all at once": index(
        160,
        group_rights("analysts", 150),
        user_rights(ANNA, 145),
        everybody_ended(140),
        user_ended(ANNA, 130, "user_deleted"),
        ended(LAPTOP, 135, "superseded"),
    ),
    "the user first": index(160, ended(LAPTOP, 135, "user_suspended"), user_ended(ANNA, 130, "user_suspended")),
    "two rights": index(160, user_rights(ANNA, 120), group_rights("analysts", 150)),
}


def case(name: str, index: str, token: str, verdict: str, **more) -> dict:
    return {"name": name, "index": index, "token": token, "verdict": verdict, **more}


def genuine() -> list[dict]:
    return [
        case("ES256", "empty", token(), "good"),
        case("EdDSA", "empty", token(kid="ed"), "good"),
        case("RS256", "empty", token(kid="rs"), "good"),
        case("the media type in full", "empty", token(typ="application/at+jwt"), "good"),
        case("the type in capitals", "empty", token(typ="AT+JWT"), "good"),
        case("a claim that nobody knows", "empty", token(claims(locale="de")), "good"),
        case("no groups", "empty", token(claims(groups=[], permissions=[])), "good"),
        case("a position beyond 32 bits", "empty", token(claims(as_of=2**40, fence=2**40)), "good"),
    ]


def forged() -> list[dict]:
    whole = token()
    public = json.dumps(KEYS["rs"].jwk()).encode()
    jwk = {"jwk": KEYS["odd"].jwk()}
    bad = {
        "an empty text": "",
        "no token at all": "good.morning",
        "two parts": whole.rsplit(".", 1)[0],
        "four parts": whole + ".e30",
        "no signature": whole.rsplit(".", 1)[0] + ".",
        "half a signature": whole[:-40],
        "somebody else's claims": other_body(whole),
        "signed by another key": token(signer=KEYS["odd"], kid="es"),
        "alg none": token(signer=Unsigned(), kid="es"),
        "HS256 with the public key": token(signer=Hs256(public), kid="rs"),
        "the algorithm of another key": token(signer=KEYS["rs"], kid="es"),
        "a header that names another algorithm": token(alg="RS256"),
        "no kid": token(kid=None, signer=KEYS["es"]),
        "a kid that nobody knows": token(kid="../../etc/passwd", signer=KEYS["es"]),
        "an RSA key of 1024 bits": token(kid="weak"),
        "a key of an algorithm that is not allowed": token(kid="odd"),
        "a kid that two keys have": token(kid="twice"),
        "typ JWT": token(typ="JWT"),
        "no typ": token(typ=None),
        "jku": token(jku="https://attacker.example/keys"),
        "jwk": token(**jwk),
        "x5u": token(x5u="https://attacker.example/chain"),
        "x5c": token(x5c=["AAAA"]),
        "crit": token(crit=["exp"]),
        "bound to what nobody shows": token(claims(cnf={"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"})),
        "a nested token": token(cty="JWT"),
        "compressed": token(zip="DEF"),
        "longer than 16 KiB": token(claims(groups=["g" * 100] * 200)),
    }
    return [case(name, "empty", text, "invalid") for name, text in bad.items()]


def wrong_claims() -> list[dict]:
    bad = {
        "another issuer": {"iss": "https://sessions.example.attacker.example"},
        "the issuer with a slash": {"iss": ISSUER + "/"},
        "another audience": {"aud": "payroll-api"},
        "audiences as a list": {"aud": [AUDIENCE]},
        "no issuer": {"iss": None},
        "no audience": {"aud": None},
        "no expiry": {"exp": None},
        "no session": {"sid": None},
        "no user": {"sub": None},
        "no position": {"as_of": None},
        "a user that is no UUID": {"sub": "anna"},
        "an expiry in words": {"exp": "tomorrow"},
        "a position as text": {"as_of": "100"},
        "a negative position": {"as_of": -1},
        "a position between two": {"as_of": 99.5},
        "groups as text": {"groups": "analysts"},
        "groups that are numbers": {"groups": [1]},
        "permissions as text": {"permissions": "reports:read"},
    }
    return [case(name, "empty", token(claims(**change)), "invalid") for name, change in bad.items()]


def times() -> list[dict]:
    return [
        case("a second before the end", "empty", token(claims(exp=NOW + 1)), "good"),
        case("at the end", "empty", token(claims(exp=NOW)), "expired"),
        case("after the end", "empty", token(claims(exp=NOW - 3600)), "expired"),
        case("a later clock", "empty", token(), "expired", now=NOW + 240),
    ]


def revoked() -> list[dict]:
    late = token(claims(as_of=120))
    return [
        case("its session ended", "laptop ended", token(), "ended", reason="revoked_by_admin", seq=120),
        case("its session ended, whatever its position", "laptop ended", token(claims(as_of=500)), "ended", reason="revoked_by_admin", seq=120),
        case("its session ended before its position", "laptop ended before the token's position", token(), "ended", reason="revoked_by_admin", seq=90),
        case("another session ended", "phone ended", token(), "good"),
        case("its user ended", "anna ended", token(), "ended", reason="user_suspended", seq=120),
        case("its user ended at its position", "anna ended", late, "good"),
        case("its user ended one after its position", "anna ended", token(claims(as_of=119)), "ended", reason="user_suspended", seq=120),
        case("another user ended", "ben ended", token(), "good"),
        case("everybody ended", "everybody ended", token(), "ended", reason="revoke_all", seq=120),
        case("everybody ended at its position", "everybody ended", late, "good"),
        case("its user's rights changed", "anna's rights", token(), "stale", seq=120),
        case("its user's rights changed at its position", "anna's rights", late, "good"),
        case("a group that it lists changed", "analysts", token(), "stale", seq=120),
        case("a group that it lists changed at its position", "analysts", late, "good"),
        case("a group with a name beyond ASCII changed", "a name beyond ASCII", token(), "stale", seq=120),
        case("a group that it does not list changed", "editors", token(), "good"),
        case("a group of another spelling changed", "another spelling", token(), "good"),
        case("rights changed twice", "two rights", token(), "stale", seq=150),
        case("its key was retired", "key retired", token(), "invalid"),
        case("its key was retired, whatever its position", "key retired", token(claims(as_of=2**40)), "invalid"),
        case("its key was retired long ago", "key retired before a snapshot", token(), "invalid"),
        case("another key was retired", "another key retired", token(), "good"),
        case("another token of a retired key", "another key retired", token(kid="ed"), "invalid"),
        case("its key was retired, and it says another", "key retired", token(claims(kid="ed")), "invalid"),
        case("no claim makes a key retired", "another key retired", token(claims(kid="ed")), "good"),
    ]


def order() -> list[dict]:
    past = {"exp": NOW - 1}
    needs = {"requires": "reports:write"}
    forged_and_expired = other_body(token(claims(**past)))
    return [
        case("invalid goes before expired", "laptop ended", forged_and_expired, "invalid"),
        case("the wrong audience goes before expired", "empty", token(claims(aud="payroll-api", **past)), "invalid"),
        case("invalid by its key goes before ended", "key retired, laptop ended", token(), "invalid"),
        case("expired goes before ended", "laptop ended", token(claims(**past)), "expired"),
        case("ended goes before stale, and the earliest gives the reason", "all at once", token(), "ended", reason="user_deleted", seq=130),
        case("the user's end came first", "the user first", token(), "ended", reason="user_suspended", seq=130),
        case("of the ends only the later ones count", "all at once", token(claims(as_of=131)), "ended", reason="superseded", seq=135),
        case("everybody's end reaches other sessions", "all at once", token(claims(sid=PHONE, as_of=131)), "ended", reason="revoke_all", seq=140),
        case("after the ends it is stale", "all at once", token(claims(sid=PHONE, as_of=141)), "stale", seq=150),
        case("after everything it is good", "all at once", token(claims(sid=PHONE, as_of=150)), "good"),
        case("stale goes before forbidden", "analysts", token(), "stale", seq=120, **needs),
        case("ended goes before forbidden", "laptop ended", token(), "ended", reason="revoked_by_admin", seq=120, **needs),
        case("a permission that it lacks", "empty", token(), "forbidden", **needs),
        case("a permission that it has", "empty", token(), "good", requires="reports:read"),
        case("a permission in another spelling", "empty", token(), "forbidden", requires="Reports:Read"),
        case("part of a permission", "empty", token(), "forbidden", requires="reports"),
    ]


def message(event: str, **data) -> dict:
    return {"event": event, "data": data}


def hello(head: int) -> dict:
    return message("hello", reader=named("reader"), head=head, heartbeat_ms=1000)


def snapshot(seq: int, *changes: dict, more: bool = False) -> dict:
    return message("snapshot", seq=seq, changes=list(changes), more=more)


def changes(after: int, seq: int, *them: dict, head: int | None = None) -> dict:
    return message("changes", after=after, seq=seq, head=seq if head is None else head, changes=list(them))


def feed(name: str, messages: list[dict], position: int | None, fault: str | None = None, **verdicts) -> dict:
    tokens = {"laptop": token(), "phone": token(claims(sid=PHONE)), "ben": token(claims(sub=BEN, sid=BENS, groups=[]))}
    checks = []
    for who, verdict in verdicts.items():
        said, _, reason = verdict.partition(" ")
        checks.append({"token": tokens[who], "verdict": said, **({"reason": reason} if reason else {})})
    return {"name": name, "messages": messages, "position": position, "fault": fault, "checks": checks}


def feeds() -> list[dict]:
    old = ended(PHONE, 80)
    new = ended(LAPTOP, 103, "superseded")
    begun = [hello(102), snapshot(102, old)]
    return [
        feed("nothing yet", [hello(102)], None),
        feed("a snapshot in one piece", begun, 102, laptop="good", phone="ended revoked_by_admin", ben="good"),
        feed("an empty snapshot", [hello(0), snapshot(0)], 0, laptop="good"),
        feed("half a snapshot", [hello(102), snapshot(102, old, more=True)], None),
        feed(
            "a snapshot in two pieces",
            [hello(102), snapshot(102, old, more=True), snapshot(102, user_ended(BEN, 101))],
            102,
            laptop="good",
            phone="ended revoked_by_admin",
            ben="ended user_suspended",
        ),
        feed("heartbeats", [*begun, changes(102, 102), changes(102, 102)], 102, laptop="good"),
        feed("a change", [*begun, changes(102, 103, new)], 103, laptop="ended superseded", ben="good"),
        feed("positions that change nothing", [*begun, changes(102, 110), changes(110, 112)], 112, laptop="good"),
        feed(
            "several changes of one stretch",
            [*begun, changes(102, 105, new, group_rights("analysts", 104), user_ended(BEN, 105))],
            105,
            laptop="ended superseded",
            phone="ended revoked_by_admin",
            ben="ended user_suspended",
        ),
        feed("a gap", [*begun, changes(103, 104, new)], 102, fault="gap", laptop="good"),
        feed("a stretch twice", [*begun, changes(102, 103, new), changes(102, 103, new)], 103, fault="gap", laptop="ended superseded"),
        feed(
            "the first reason stands",
            [*begun, changes(102, 103, new), changes(103, 104, ended(LAPTOP, 104, "signed_out"))],
            104,
            laptop="ended superseded",
        ),
        feed(
            "a later end of a user takes the place of the earlier",
            [*begun, changes(102, 103, user_ended(BEN, 103)), changes(103, 104, user_ended(BEN, 104, "user_deleted"))],
            104,
            ben="ended user_deleted",
        ),
        feed("behind", [*begun, changes(102, 103, new, head=500)], 103, laptop="ended superseded"),
        feed("reset", [*begun, message("reset")], None),
        feed(
            "a snapshot after reset takes the place of everything",
            [*begun, message("reset"), snapshot(200, user_rights(BEN, 190))],
            200,
            laptop="good",
            phone="good",
            ben="stale",
        ),
        feed(
            "names and members that nobody knows",
            [
                *begun,
                message("weather", sun=True),
                message("changes", after=102, seq=103, head=103, mood="good", changes=[{**new, "colour": "red", "age_ms": 4}]),
            ],
            103,
            laptop="ended superseded",
        ),
    ]


def main() -> None:
    vectors = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "now": NOW,
        "jwks": jwks(),
        "indexes": INDEXES,
        "cases": [*genuine(), *forged(), *wrong_claims(), *times(), *revoked(), *order()],
        "feeds": feeds(),
    }
    names = [case["name"] for case in vectors["cases"] + vectors["feeds"]]
    assert len(names) == len(set(names)), "a name is used twice"
    text = json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"
    pathlib.Path(__file__).with_name("guard.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
