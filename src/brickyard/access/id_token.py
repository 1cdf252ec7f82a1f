"""What an ID token says, believed only where everything that OpenID Connect asks for holds (Core 1.0, 3.1.3.7)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from brickyard.kit.errors import Unauthenticated

KEY_KINDS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP", "Ed25519": "OKP"}
"""The ways to sign that are believed, each with its kind of key. Never `none`, nor a shared secret."""
LEEWAY_S = 30
"""How far two clocks may be apart."""
LONGEST_SUBJECT = 255
LONGEST_HEADER_BYTES = 8192
"""Some providers send their certificates along."""


class UnknownKey(Unauthenticated):
    """None of the keys that are known signed this: the provider may have new ones."""


@dataclass(frozen=True, slots=True)
class Expected:
    issuer: str
    client_id: str
    nonce: str
    access_token: str


def keys_of(published: dict[str, Any]) -> KeySet:
    """The keys for signatures of a JWK set; what cannot be read or is for something else is left out."""
    listed = published.get("keys")
    return KeySet([key for one in listed if (key := _key(one)) is not None] if isinstance(listed, list) else [])


def _key(published: Any) -> Key | None:
    if not isinstance(published, dict) or published.get("kty") not in KEY_KINDS.values():
        return None
    if published.get("use", "sig") != "sig":
        return None
    try:
        return JWKRegistry.import_key(published)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def claims_of(token: str, keys: KeySet, expected: Expected, now_s: int) -> dict[str, Any]:
    """Raises UnknownKey where none of these keys signed it, Unauthenticated for everything else."""
    decoded = _signed(token, keys)
    claims = decoded.claims
    registry = JWTClaimsRegistry(
        now=now_s,
        leeway=LEEWAY_S,
        iss={"essential": True, "value": expected.issuer},
        sub={"essential": True},
        aud={"essential": True, "value": expected.client_id},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        registry.validate(claims)
    except JoseError as error:
        raise _refused(str(error)) from error
    _check_subject(claims["sub"])
    _check_party(claims, expected.client_id)
    if not _same(claims.get("nonce"), expected.nonce):
        raise _refused("its nonce is not the one that this sign-in began with")
    if "at_hash" in claims and not _same(claims["at_hash"], _half_hash(expected.access_token, decoded.header["alg"])):
        raise _refused("it belongs to another access token")
    return claims


def _signed(token: str, keys: KeySet) -> jwt.Token:
    registry = JWSRegistry(algorithms=list(KEY_KINDS), strict_check_header=False)
    registry.max_header_length = LONGEST_HEADER_BYTES
    try:
        return jwt.decode(token, lambda signed: _key_for(signed.headers(), keys), registry=registry)
    except BadSignatureError as error:
        raise UnknownKey("The ID token is not signed with the key of its provider. Begin to sign in again.") from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise _refused(str(error)) from error


def _key_for(header: dict[str, Any], keys: KeySet) -> Key:
    """A token that names no key is believed where the provider has but one of that kind."""
    algorithm, kid = header.get("alg"), header.get("kid")
    fitting = [key for key in keys.keys if KEY_KINDS.get(str(algorithm)) == key.key_type]
    allowed = [key for key in fitting if key.get("alg") in (None, algorithm) and kid in (None, key.kid)]
    if len(allowed) != 1:
        raise UnknownKey(f"The ID token is signed with a key ({kid}, {algorithm}) that its provider does not publish.")
    return allowed[0]


def _check_subject(subject: str) -> None:
    if not subject.isprintable() or len(subject) > LONGEST_SUBJECT:
        raise _refused("its 'sub' is no name that could be kept")


def _check_party(claims: dict[str, Any], client_id: str) -> None:
    """A token for several is ours only where it says so."""
    party = claims.get("azp")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (party is not None or several) and party != client_id:
        raise _refused("it was issued to another client")


def _half_hash(access_token: str, algorithm: str) -> str:
    hashed = hashlib.sha512 if KEY_KINDS[algorithm] == "OKP" else hashlib.sha256
    whole = hashed(access_token.encode()).digest()
    return base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=").decode()


def _same(told: Any, expected: str) -> bool:
    return isinstance(told, str) and hmac.compare_digest(told.encode("utf-8", "replace"), expected.encode())


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"The ID token is not valid: {why}. Begin to sign in again.")
