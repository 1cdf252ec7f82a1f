from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from brickyard.access.master import MasterKey
from brickyard.access.oauth.signing import PUBLISHED_BEFORE, SigningKey, SigningKeys, rotate, signer_of
from brickyard.kit.errors import Unavailable
from tests.unit.access.oauth.scene import MASTER

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = RSAKey.generate_key(2048)


@pytest.fixture
def bare(engine: sa.Engine) -> sa.Engine:
    """Where no key was made yet."""
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM secrets"))
    return engine


@given(st.lists(st.integers(0, 3600), min_size=1, max_size=5))
def test_the_newest_signs_once_it_has_been_published(ages_s: list[int]) -> None:
    made = sorted(NOW - timedelta(seconds=age_s) for age_s in ages_s)
    keys = [SigningKey(str(number), KEY, made_at) for number, made_at in enumerate(made)]
    signer = signer_of(keys, NOW)
    known = [key for key in keys if NOW - key.made_at >= PUBLISHED_BEFORE]
    assert signer == (known[-1] if known else keys[0])


def test_keys_are_made_once_and_all_are_published(bare: sa.Engine) -> None:
    later = [datetime.now(UTC)]
    steady = [0.0]
    keys = SigningKeys(bare, MASTER, lambda: later[0], lambda: steady[0])
    first = keys.signer()
    assert SigningKeys(bare, MASTER).signer().kid == first.kid
    assert rotate(bare, MASTER) == "oidc_signing_2"

    assert len(keys.public()["keys"]) == 1
    steady[0] += 61
    assert len(keys.public()["keys"]) == 2
    assert keys.signer().kid == first.kid
    later[0] += PUBLISHED_BEFORE + timedelta(seconds=5)
    second = keys.signer()
    assert second.kid != first.kid
    assert [key["kid"] for key in keys.public()["keys"]] == [first.kid, second.kid]


def test_what_is_published_verifies_and_cannot_sign(bare: sa.Engine) -> None:
    keys = SigningKeys(bare, MASTER)
    signed = jwt.encode({"alg": "RS256", "kid": keys.signer().kid}, {"sub": "u1"}, keys.all(), ["RS256"])
    public = keys.public()
    assert jwt.decode(signed, KeySet.import_key_set(public), ["RS256"]).claims == {"sub": "u1"}
    assert set(public["keys"][0]) == {"kty", "n", "e", "kid", "use", "alg"}
    assert public["keys"][0]["kid"] == RSAKey.import_key(public["keys"][0]).thumbprint()


def test_the_key_is_sealed(bare: sa.Engine) -> None:
    SigningKeys(bare, MASTER).signer()
    with bare.connect() as connection:
        row = connection.execute(sa.text("SELECT name, sealed FROM secrets")).one()
    assert row.name == "oidc_signing_1"
    assert b"PRIVATE KEY" not in bytes(row.sealed)
    with pytest.raises(Unavailable):
        SigningKeys(bare, MasterKey([bytes(32)])).signer()
