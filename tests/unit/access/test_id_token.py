from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, KeySet, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from brickyard.access.id_token import LEEWAY_S, Expected, UnknownKey, claims_of, keys_of
from brickyard.kit.errors import Unauthenticated

NOW_S = 1_800_000_000
ISSUER = "https://login.example.org"
EXPECTED = Expected(ISSUER, "brickyard", "the nonce", "the access token")
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
KEYS = (RSA, EC, ED)
BY_ALGORITHM: dict[str, Key] = {"RS256": RSA, "PS256": RSA, "ES256": EC, "EdDSA": ED, "Ed25519": ED}


def published(*keys: Key, **more: Any) -> KeySet:
    return keys_of({"keys": [{**key.as_dict(private=False), **more} for key in keys]})


def claims(**more: Any) -> dict[str, Any]:
    given = {"iss": ISSUER, "sub": "7", "aud": "brickyard", "exp": NOW_S + 300, "iat": NOW_S, "nonce": "the nonce"}
    return {name: value for name, value in {**given, **more}.items() if value is not ...}


def signed(told: dict[str, Any], algorithm: str = "RS256", key: Key | None = None, **header: Any) -> str:
    key = key or BY_ALGORITHM[algorithm]
    given = {"alg": algorithm, "kid": key.kid, **header}
    kept = {name: value for name, value in given.items() if value is not ...}
    return jwt.encode(kept, told, key, registry=JWSRegistry(algorithms=[algorithm], strict_check_header=False))


def read(token: str, keys: KeySet | None = None) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # EdDSA has a new name, yet providers use the old one
        return claims_of(token, published(*KEYS) if keys is None else keys, EXPECTED, NOW_S)


def half_hash(text: str, name: str) -> str:
    whole = hashlib.new(name, text.encode()).digest()
    return base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", BY_ALGORITHM)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_a_good_token_is_believed(algorithm: str) -> None:
    hashed = half_hash("the access token", "sha512" if algorithm.startswith("Ed") else "sha256")
    token = signed(claims(at_hash=hashed, groups=["board"]), algorithm)
    assert read(token)["groups"] == ["board"]
    with pytest.raises(Unauthenticated, match="another access token"):
        read(signed(claims(at_hash=half_hash("another", "sha256")), algorithm))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"iss": "https://elsewhere.example.org"}, "iss"),
        ({"iss": ISSUER + "/"}, "iss"),
        ({"iss": [ISSUER]}, "iss"),
        ({"iss": ...}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["another"]}, "aud"),
        ({"aud": ...}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": ["brickyard", "another"]}, "another client"),
        ({"aud": ["brickyard", "another"], "azp": "another"}, "another client"),
        ({"azp": "another"}, "another client"),
        ({"azp": ["brickyard"]}, "another client"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": ["the nonce"]}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": ...}, "nonce"),
        ({"exp": NOW_S - LEEWAY_S}, "expired"),
        ({"exp": ...}, "exp"),
        ({"exp": "never"}, "exp"),
        ({"exp": float("nan")}, "exp"),
        ({"iat": NOW_S + LEEWAY_S + 1}, "future"),
        ({"iat": ...}, "iat"),
        ({"nbf": NOW_S + LEEWAY_S + 1}, "not yet valid"),
        ({"sub": ...}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "sub"),
        ({"sub": "7\n"}, "sub"),
        ({"sub": "7" * 256}, "sub"),
        ({"at_hash": 7}, "another access token"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(Unauthenticated, match=why):
        read(signed(claims(**wrong)))


def test_clocks_may_differ_a_little() -> None:
    assert read(signed(claims(exp=NOW_S - LEEWAY_S + 1)))
    assert read(signed(claims(iat=NOW_S + LEEWAY_S)))


def test_a_token_for_several_is_believed_where_it_was_issued_to_us() -> None:
    assert read(signed(claims(aud=["brickyard", "another"], azp="brickyard")))
    assert read(signed(claims(aud=["brickyard"])))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 0])
def test_a_token_without_signature_is_refused(algorithm: object) -> None:
    with pytest.raises(Unauthenticated):
        read(f"{_encoded({'alg': algorithm})}.{_encoded(claims())}.")


def test_the_public_key_is_no_shared_secret() -> None:
    parts = [_encoded({"alg": "HS256", "kid": "rsa"}), _encoded(claims())]
    pem = RSA.as_pem(private=False)
    for secret in (pem, pem.strip(), RSA.as_der(private=False)):
        forged = hmac.new(secret, ".".join(parts).encode(), hashlib.sha256).digest()
        with pytest.raises(Unauthenticated, match="HS256"):
            read(".".join([*parts, base64.urlsafe_b64encode(forged).rstrip(b"=").decode()]))


def test_a_shared_secret_among_the_published_keys_is_left_out() -> None:
    secret = OctKey.generate_key(256, {"kid": "oct"})
    keys = keys_of({"keys": [secret.as_dict(private=True), RSA.as_dict(private=False)]})
    assert [key.kid for key in keys.keys] == ["rsa"]


@pytest.mark.parametrize("algorithm", ["RS512", "PS512"])
def test_other_ways_to_sign_are_refused(algorithm: str) -> None:
    with pytest.raises(Unauthenticated, match=algorithm):
        read(signed(claims(), algorithm, RSA))


def test_a_changed_token_is_refused() -> None:
    head, payload, signature = signed(claims()).split(".")
    other = signed(claims(sub="8")).split(".")[1]
    for token in (
        f"{head}.{other}.{signature}",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        f"{head}.{payload}.",
        "x",
        "",
    ):
        with pytest.raises(Unauthenticated):
            read(token)


def test_keys_that_are_not_published_are_told_apart_so_that_one_can_look_again() -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "new"})
    impostor = RSAKey.generate_key(2048, {"kid": "rsa"})
    for key in (stranger, impostor):
        with pytest.raises(UnknownKey):
            read(signed(claims(), key=key))
    assert read(signed(claims(), key=stranger), published(RSA, stranger))


def test_a_token_that_names_no_key_is_believed_where_there_is_but_one_of_its_kind() -> None:
    assert read(signed(claims(), kid=...))
    with pytest.raises(UnknownKey):
        read(signed(claims(), kid=...), published(RSA, RSAKey.generate_key(2048)))


def test_a_key_is_used_for_what_it_was_published_for() -> None:
    with pytest.raises(UnknownKey):
        read(signed(claims()), published(RSA, use="enc"))
    with pytest.raises(UnknownKey):
        read(signed(claims()), published(RSA, alg="PS256"))
    assert read(signed(claims()), published(RSA, use="sig", alg="RS256"))


@pytest.mark.parametrize(
    "keys", [None, "x", [None, 3, {}, {"kty": "RSA"}, {"kty": "RSA", "n": 1, "e": 2}, {"kty": []}]]
)
def test_keys_that_cannot_be_read_are_left_out(keys: Any) -> None:
    assert not keys_of({"keys": keys})
    assert not keys_of({})


def test_headers_that_are_not_understood_are_refused_only_where_they_are_critical() -> None:
    assert read(signed(claims(), x5t="x", jku="https://elsewhere.example.org"))
    _, payload, signature = signed(claims()).split(".")
    with pytest.raises(Unauthenticated, match="unsupported_header"):
        read(f"{_encoded({'alg': 'RS256', 'kid': 'rsa', 'crit': ['b'], 'b': 1})}.{payload}.{signature}")


@pytest.mark.parametrize("payload", ["[" * 90_000, "[]", "7", "", '{"exp":' + "9" * 5000 + "}"])
def test_what_is_signed_must_be_claims(payload: str) -> None:
    with pytest.raises(Unauthenticated):
        read(jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, payload, RSA))


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
