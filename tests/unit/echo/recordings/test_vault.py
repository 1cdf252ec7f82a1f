from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from brickyard.access.master import MasterKey
from brickyard.echo.recordings.vault import KNOWN_FOR_S, KNOWN_KEYS, Vault
from brickyard.kit.errors import BadInput, NotFound, Unavailable

MASTER = MasterKey([bytes(range(32))])


def keep(engine: sa.Engine, recording: UUID, wrapped: bytes | None) -> None:
    query = sa.text("""
        INSERT INTO recordings (id, owner, name, sha256, size_bytes, container, duration_s, has_video, wrapped_key)
        VALUES (:id, 'local', 'a', '', 1, 'wav', 1, false, :wrapped)""")
    with engine.begin() as connection:
        connection.execute(query, {"id": recording, "wrapped": wrapped})


def remove(engine: sa.Engine, recording: UUID) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM recordings WHERE id = :id"), {"id": recording})


def kept(engine: sa.Engine, vault: Vault) -> tuple[UUID, bytes]:
    recording, key = uuid4(), vault.new_key()
    assert key is not None
    keep(engine, recording, vault.wrapped(recording, key))
    return recording, key


def test_each_recording_has_a_key_of_its_own_that_only_the_master_key_opens(engine: sa.Engine) -> None:
    vault = Vault(engine, MASTER)
    (one, key_of_one), (two, key_of_two) = kept(engine, vault), kept(engine, vault)
    assert key_of_one != key_of_two
    assert (vault.key_of(one), vault.key_of(two)) == (key_of_one, key_of_two)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT wrapped_key FROM recordings")).scalars().all()
    assert all(key_of_one not in bytes(row) for row in rows)
    with pytest.raises(Unavailable, match="wrapped by the master key"):
        Vault(engine, MasterKey([bytes(32)])).key_of(one)


def test_a_key_that_was_moved_to_another_recording_opens_nothing(engine: sa.Engine) -> None:
    vault = Vault(engine, MASTER)
    one, key = uuid4(), vault.new_key()
    other = uuid4()
    keep(engine, other, vault.wrapped(one, key))
    with pytest.raises(BadInput, match="belongs to something else"):
        vault.key_of(other)


def test_without_encryption_files_are_plain_and_older_keys_stay_good(engine: sa.Engine) -> None:
    sealed, key = kept(engine, Vault(engine, MASTER))
    vault = Vault(engine, MASTER, encrypt=False)
    plain = uuid4()
    assert vault.new_key() is None
    assert vault.wrapped(plain, None) is None
    keep(engine, plain, None)
    assert vault.key_of(plain) is None
    assert vault.key_of(sealed) == key


def test_the_key_goes_with_its_recording(engine: sa.Engine) -> None:
    now_s = 0.0
    vault = Vault(engine, MASTER, clock_s=lambda: now_s)
    here, elsewhere = kept(engine, vault)[0], kept(engine, vault)[0]
    for recording in (here, elsewhere):
        assert vault.key_of(recording)
        remove(engine, recording)
    vault.forget(here)
    with pytest.raises(NotFound):
        vault.key_of(here)
    now_s = KNOWN_FOR_S + 1
    with pytest.raises(NotFound):
        vault.key_of(elsewhere)
    now_s = 0.0
    with pytest.raises(NotFound):
        vault.key_of(elsewhere)


def test_keys_are_known_for_a_while_and_not_too_many(engine: sa.Engine) -> None:
    vault = Vault(engine, MASTER)
    recording, key = kept(engine, vault)
    assert vault.key_of(recording) == key
    remove(engine, recording)
    assert vault.key_of(recording) == key
    others = [kept(engine, vault)[0] for _ in range(KNOWN_KEYS)]
    for other in others:
        vault.key_of(other)
    with pytest.raises(NotFound):
        vault.key_of(recording)
