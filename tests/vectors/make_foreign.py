"""Makes the vectors about tokens of other issuers that every guard passes: foreign.json.

Run anew when a case is added: `python3 make_foreign.py`. `hints`: what a token says about itself before anybody has
opened it (`iss` null: nothing), and whether its time is over at `now`. `answers`: what an introspection comes to. It may
not know how any guard decides.
"""

import base64
import json
import pathlib
import uuid

NOW = 1_790_000_000
ISSUER = "https://sessions.example"
AUDIENCE = "reports-api"
OTHER = "https://issuer.example/"


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


HEAD = part({"alg": "RS256", "kid": "k1", "typ": "JWT"})


def token(body: object, head: str = HEAD, signature: str = "c2lnbmVk") -> str:
    return f"{head}.{part(body)}.{signature}"


def hint(name: str, token: str, iss: str | None = OTHER, over: bool = False) -> dict:
    return {"name": name, "token": token, "iss": iss, "over": over}


def hints() -> list[dict]:
    said = {"iss": OTHER, "sub": "anna", "exp": NOW + 600}
    whole = token(said)
    return [
        hint("a token", whole),
        hint("over", token({**said, "exp": NOW - 1}), over=True),
        hint("over in this second", token({**said, "exp": NOW}), over=True),
        hint("over by a fraction", token({**said, "exp": NOW - 0.5}), over=True),
        hint("over later by a fraction", token({**said, "exp": NOW + 0.5})),
        hint("a time that is none", token({**said, "exp": str(NOW - 1)})),
        hint("no time", token({"iss": OTHER})),
        hint("a header that is none", token(said, head="e30")),
        hint("two parts", whole.rpartition(".")[0], None),
        hint("four parts", whole + ".e30", None),
        hint("no text", "", None),
        hint("dots", "..", None),
        hint("no object", token([OTHER]), None),
        hint("no JSON", token(b"{iss}"), None),
        hint("no UTF-8", token(b'{"iss":"\xff"}'), None),
        hint("no issuer", token({"sub": "anna"}), None),
        hint("an issuer that is no text", token({**said, "iss": [OTHER]}), None),
        hint("other letters", whole.replace(".", ".+", 1), None),
        hint("too long", token({**said, "more": "x" * 20_000}), None),
        hint("long", token({**said, "more": "x" * 8_000})),
    ]


def answer(name: str, answer: object, said: str) -> dict:
    return {"name": name, "answer": answer, "said": said}


def answers() -> list[dict]:
    ids = {member: str(uuid.uuid5(uuid.NAMESPACE_URL, member)) for member in ("sub", "sid", "jti", "device_id")}
    times = {"iat": NOW, "exp": NOW + 630, "auth_time": NOW}
    rights = {"groups": ["staff"], "permissions": ["reports:read"], "as_of": 120, "fence": 118, "gen": 0}
    active = {
        "active": True,
        "token_type": "Bearer",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "client_id": "sessionwire",
        **ids,
        **times,
        **rights,
    }

    def without(member: str) -> dict:
        return {name: value for name, value in active.items() if name != member}

    return [
        answer("active", active, "active"),
        answer("active, with members that nobody knows", {**active, "mood": "good"}, "active"),
        answer("inactive", {"active": False}, "inactive"),
        answer("inactive, with claims", {**active, "active": False}, "inactive"),
        answer("active without claims", {"active": True}, "unanswered"),
        answer("active without a position", without("as_of"), "unanswered"),
        answer("active without a session", without("sid"), "unanswered"),
        answer("active without permissions", without("permissions"), "unanswered"),
        answer("a position below zero", {**active, "as_of": -1}, "unanswered"),
        answer("a session that is none", {**active, "sid": "s1"}, "unanswered"),
        answer("of another issuer's server", {**active, "iss": OTHER}, "unanswered"),
        answer("for somebody else", {**active, "aud": "billing-api"}, "unanswered"),
        answer("active by its name", {**active, "active": "true"}, "unanswered"),
        answer("neither", without("active"), "unanswered"),
        answer("no object", [active], "unanswered"),
        answer("nothing", None, "unanswered"),
    ]


def main() -> None:
    vectors = {"issuer": ISSUER, "audience": AUDIENCE, "now": NOW, "hints": hints(), "answers": answers()}
    text = json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"
    pathlib.Path(__file__).with_name("foreign.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
