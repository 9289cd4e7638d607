"""Is a token genuine: what the vectors leave out, above all where Python's readers take more than they should."""

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionwire_guard import strict
from sessionwire_guard.keys import KeySet, NotGenuine, UnknownKey

from .support.tokens import ANNA, AUDIENCE, ISSUER, LAPTOP, Signer, members

SIGNER = Signer()
KEYS = KeySet.read(ISSUER, AUDIENCE, {"keys": [SIGNER.jwk]})
HEADER = {"typ": "at+jwt", "kid": SIGNER.kid}


def is_genuine(token: str, keys: KeySet = KEYS) -> bool:
    try:
        keys.verify(token)
    except NotGenuine:
        return False
    return True


def signed(body: str, **header: Any) -> str:
    return SIGNER.sign(body.encode("utf-8", "surrogatepass"), {**HEADER, **header})


def test_every_claim_is_read() -> None:
    claims, kid = KEYS.verify(SIGNER.token(fence=7, gen=3, groups=["a", "ö"]))
    assert kid == SIGNER.kid
    assert (claims.sub, claims.sid, claims.fence, claims.generation) == (ANNA, LAPTOP, 7, 3)
    assert claims.groups == ("a", "ö")
    assert claims.allows("reports:read")
    assert not claims.allows("reports")
    with pytest.raises(AttributeError):
        claims.sub = "somebody"  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted(members()))
def test_no_claim_may_be_missing(name: str) -> None:
    assert not is_genuine(SIGNER.token(**{name: None}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": True},
        {"exp": 1e9},
        {"exp": 2**63},
        {"as_of": 2**64},
        {"as_of": True},
        {"gen": 2**32},
        {"gen": -1},
        {"sub": ANNA + "\n"},
        {"sub": ANNA.replace("-", "")[:-1]},
        {"sub": "\u0660199a8f0-6d0e-7c55-8a4e-6c2f3f1f7a10"},
        {"sub": f"{{{ANNA}"},
        {"sid": 7},
        {"permissions": None},
        {"permissions": {"reports:read": True}},
        {"groups": ["a", None]},
        {"client_id": 1},
    ],
    ids=str,
)
def test_a_claim_of_another_type_is_none(wrong: dict[str, Any]) -> None:
    assert not is_genuine(SIGNER.token(**wrong))


@pytest.mark.parametrize("bound", [{"jkt": "A" * 43}, {}, "key"], ids=str)
def test_a_token_that_is_bound_to_something_is_not_taken_alone(bound: object) -> None:
    assert is_genuine(SIGNER.token())
    assert not is_genuine(SIGNER.token(cnf=bound))


@pytest.mark.parametrize("written", [ANNA.upper(), ANNA.replace("-", ""), f"urn:uuid:{ANNA}", f"{{{ANNA}}}"], ids=str)
def test_ids_are_compared_in_one_spelling(written: str) -> None:
    claims, _ = KEYS.verify(SIGNER.token(sub=written))
    assert claims.sub == ANNA


def test_json_that_only_python_reads_is_none() -> None:
    whole = json.dumps(members())
    assert is_genuine(signed(whole))
    for wrong in (
        whole[:-1] + ', "sub": "0199a8f0-6d0e-7c55-8a4e-6c2f3f1f7aff"}',
        whole[:-1] + ', "more": NaN}',
        whole[:-1] + ', "more": ' + "[" * 3000 + "]" * 3000 + "}",
        whole.replace('"analysts"', '"\\ud800"'),
        whole.replace('"analysts"', '"\ud800"'),
        "\ufeff" + whole,
        whole + " x",
        f"[{whole}]",
        "",
    ):
        assert not is_genuine(signed(wrong)), wrong[-60:]
    assert not is_genuine(SIGNER.sign(whole.encode("utf-16"), HEADER))


def test_a_signature_has_one_spelling() -> None:
    token = SIGNER.token()
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [token[:-1] + letter for letter in last if letter != token[-1]]
    assert not any(map(is_genuine, others))
    for wrong in (token + "=", token + "==", token + "\n", " " + token, token.replace(".", ".\n", 1), token + "."):
        assert not is_genuine(wrong)


@given(st.data())
def test_no_single_change_of_a_token_passes(data: st.DataObject) -> None:
    token = SIGNER.token()
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        try:
            KEYS.verify(changed)
        except (NotGenuine, UnknownKey):
            return
        raise AssertionError(changed)


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_text_brings_the_verifier_down(text: str) -> None:
    for token in (text, f"{text}.{text}.{text}", f"e30.{text}.", f"e30.e30.{text}"):
        with pytest.raises(NotGenuine):
            KEYS.verify(token)


def test_a_header_that_asks_for_anything_is_refused() -> None:
    body = json.dumps(members())
    for harmless in ({"x5t": "a"}, {"nonce": "b"}, {"url": "c"}, {"jku": None}):
        assert is_genuine(signed(body, **harmless)), harmless
    for wrong in ({"x5t": 1}, {"b65": True}, {"typ": None}, {"typ": "at+jwt2"}, {"cty": "x"}, {"enc": "x"}):
        assert not is_genuine(signed(body, **wrong)), wrong


def test_keys_that_cannot_be_used_are_left_out() -> None:
    good = SIGNER.jwk
    token = SIGNER.token()
    off_curve = {**good, "y": good["x"]}
    for changed in (
        {**good, "use": "enc"},
        {**good, "alg": "ES384"},
        {**good, "kty": "oct", "k": "c2VjcmV0"},
        {**good, "crv": "P-384"},
        off_curve,
        {**good, "x": 5},
        {name: value for name, value in good.items() if name != "x"},
        {name: value for name, value in good.items() if name != "kid"},
        {**good, "kid": ""},
        {**good, "kid": 5},
        "a text",
        None,
    ):
        keys = KeySet.read(ISSUER, AUDIENCE, {"keys": [changed, Signer("k2").jwk]})
        with pytest.raises(UnknownKey):
            keys.verify(token)
    plain = {name: value for name, value in good.items() if name not in ("alg", "use")}
    assert is_genuine(token, KeySet.read(ISSUER, AUDIENCE, {"keys": [plain, 7]}))


def test_a_private_part_is_not_read() -> None:
    private = {**SIGNER.jwk, "d": "AAAA"}
    keys = KeySet.read(ISSUER, AUDIENCE, {"keys": [private]})
    assert is_genuine(SIGNER.token(), keys)


def test_what_is_no_key_set_is_refused() -> None:
    many: dict[str, Any] = {"keys": [{} for _ in range(101)]}
    wrongs: list[Any] = [{}, [], None, "keys", {"keys": {}}, {"keys": None}, many]
    for wrong in wrongs:
        with pytest.raises(strict.Unreadable):
            KeySet.read(ISSUER, AUDIENCE, wrong)
    KeySet.read(ISSUER, AUDIENCE, {"keys": []})


def test_the_keys_algorithm_is_what_counts() -> None:
    secret = json.dumps(SIGNER.jwk).encode() * 2
    forged = jwt.encode(members(), secret, "HS256", headers=HEADER)
    assert not is_genuine(forged)
    unsigned = jwt.encode(members(), None, "none", headers=HEADER)  # type: ignore[arg-type]
    assert not is_genuine(unsigned)
