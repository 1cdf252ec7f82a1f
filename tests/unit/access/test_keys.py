from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from brickyard.access import keys
from brickyard.access.keys import NewKey, Scope
from brickyard.kit.errors import BadInput, Forbidden, NotFound, Unauthenticated

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_key_is_found_by_its_digest_and_kept_nowhere(engine: sa.Engine) -> None:
    key, made = keys.create(engine, NewKey("archive", "ada", [Scope.LLM, Scope.OCR], tokens_per_day=1000))
    assert keys.find(engine, keys.digest(key)) == made
    assert keys.find(engine, keys.digest(key + "x")) is None
    assert (made.owner, made.scopes, made.tokens_per_day) == ("ada", {"llm", "ocr"}, 1000)
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT api_keys::text FROM api_keys")).scalar_one()
    assert key not in row
    assert key.startswith(made.prefix)


def test_no_two_keys_are_alike(engine: sa.Engine) -> None:
    assert len({keys.create(engine, NewKey("same", "ada"))[0] for _ in range(20)}) == 20


def test_a_key_reaches_as_far_as_its_scopes(engine: sa.Engine) -> None:
    _, made = keys.create(engine, NewKey("archive", "ada", [Scope.OCR]))
    made.check("ocr", NOW)
    with pytest.raises(Forbidden, match="may use ocr, but not llm"):
        made.check("llm", NOW)


def test_an_expired_key_is_void(engine: sa.Engine) -> None:
    _, made = keys.create(engine, NewKey("guest", "ada", expires_at=NOW))
    made.check("llm", NOW - timedelta(seconds=1))
    with pytest.raises(Unauthenticated, match="expired on 2026-11-24"):
        made.check("llm", NOW)


def test_a_revoked_key_is_void_and_stays_listed(engine: sa.Engine) -> None:
    _, made = keys.create(engine, NewKey("old", "ada"))
    revoked = keys.revoke(engine, made.prefix)
    with pytest.raises(Unauthenticated, match="was revoked"):
        revoked.check("llm", NOW)
    assert keys.revoke(engine, made.prefix) == revoked
    assert keys.every(engine) == [revoked]


def test_revoking_is_never_a_guess(engine: sa.Engine) -> None:
    for _ in range(2):
        keys.create(engine, NewKey("twin", "ada"))
    with pytest.raises(BadInput, match="2 keys begin with 'by_'; none was revoked"):
        keys.revoke(engine, "by_")
    with pytest.raises(NotFound, match="keys list"):
        keys.revoke(engine, "nothing")
    assert [one.revoked_at for one in keys.every(engine)] == [None, None]


@pytest.mark.parametrize(("name", "scopes"), [(" ", [Scope.LLM]), ("name", [])])
def test_a_key_needs_a_name_and_a_scope(engine: sa.Engine, name: str, scopes: list[Scope]) -> None:
    with pytest.raises(BadInput, match="A key needs"):
        keys.create(engine, NewKey(name, "ada", scopes))
    assert keys.every(engine) == []


def test_an_owner_sees_and_revokes_own_keys_alone(engine: sa.Engine) -> None:
    (_, first), (_, other), (_, second) = (keys.create(engine, NewKey("k", owner)) for owner in ("ada", "bob", "ada"))
    assert keys.of(engine, "ada") == [first, second]
    with pytest.raises(NotFound, match="of yours"):
        keys.revoke_by_id(engine, other.id, "ada")
    revoked = keys.revoke_by_id(engine, first.id, "ada")
    assert revoked.revoked_at is not None
    assert keys.revoke_by_id(engine, first.id, "ada") == revoked
    assert keys.of(engine, "ada") == [revoked, second]
    assert keys.of(engine, "bob") == [other]
