from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.master import MasterKey, stored_secret
from brickyard.kit.errors import BadInput, Conflict, NotFound, Unavailable

KEY = bytes(range(32))


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "master.key"
    made = MasterKey.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    wrapped = made.wrap(b"secret", "recording:1")
    assert MasterKey.load(path).unwrap(wrapped, "recording:1") == b"secret"
    assert MasterKey.load(path).id == made.id
    with pytest.raises(Conflict, match="never overwritten"):
        MasterKey.create(path)
    assert MasterKey.load(path).id == made.id
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    MasterKey.create(path)
    path.chmod(mode)
    with pytest.raises(BadInput, match="chmod 600"):
        MasterKey.load(path)


def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    with pytest.raises(NotFound, match="brickyard up"):
        MasterKey.load(path)
    for text in ("", "ab" * 31, "ab" * 33, "xy" * 32, KEY.hex() + "\nmore"):
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(BadInput, match="64 hex digits") as refused:
            MasterKey.load(path)
        assert KEY.hex() not in refused.value.message


def test_an_older_key_stays_known(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    wrapped = MasterKey.create(old).wrap(b"secret", "x")
    MasterKey.create(new)
    with pytest.raises(Unavailable, match=f"{MasterKey.load(old).id}.*{MasterKey.load(new).id}"):
        MasterKey.load(new).unwrap(wrapped, "x")
    new.write_text(new.read_text() + old.read_text())
    assert MasterKey.load(new).unwrap(wrapped, "x") == b"secret"
    assert MasterKey.load(new).id != MasterKey.load(old).id


@given(secret=st.binary(max_size=200), about=st.text(max_size=50), other=st.text(max_size=50))
def test_a_secret_opens_for_what_it_was_wrapped_for_alone(secret: bytes, about: str, other: str) -> None:
    master = MasterKey([KEY])
    wrapped = master.wrap(secret, about)
    assert master.unwrap(wrapped, about) == secret
    assert master.wrap(secret, about) != wrapped
    if other != about:
        with pytest.raises(BadInput, match="belongs to something else"):
            master.unwrap(wrapped, other)


@given(data=st.data())
def test_any_change_is_noticed(data: st.DataObject) -> None:
    master = MasterKey([KEY])
    wrapped = bytearray(master.wrap(b"a secret of some length", "x"))
    wrapped[data.draw(st.integers(0, len(wrapped) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((BadInput, Unavailable)):
        master.unwrap(bytes(wrapped), "x")
    with pytest.raises(BadInput):
        master.unwrap(bytes(wrapped[: data.draw(st.integers(0, 36))]), "x")


def test_derived_keys_differ_by_purpose_and_by_key() -> None:
    master = MasterKey([KEY])
    keys = {master.derive("audit"), master.derive("csrf"), MasterKey([bytes(32)]).derive("audit"), KEY}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
    assert MasterKey([KEY, bytes(32)]).derive("audit") == master.derive("audit")


def test_nothing_tells_the_key() -> None:
    assert KEY.hex() not in repr(MasterKey([KEY]))
    with pytest.raises(BadInput, match="32 bytes"):
        MasterKey([b"short"])


def test_all_processes_get_the_same_secret(engine: sa.Engine) -> None:
    master = MasterKey([KEY])
    together = threading.Barrier(6)

    def make() -> bytes:
        together.wait(10)
        return os.urandom(32)

    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(stored_secret, engine, master, "signing", make) for _ in range(6)]
        secrets = {call.result() for call in calls}
    assert len(secrets) == 1
    assert stored_secret(engine, master, "signing", lambda: b"another") in secrets
    assert stored_secret(engine, master, "other", lambda: b"another") == b"another"
    with pytest.raises(Unavailable):
        stored_secret(engine, MasterKey([bytes(32)]), "signing", lambda: b"")
    with engine.connect() as connection:
        kept = connection.execute(sa.text("SELECT sealed FROM secrets WHERE name = 'other'")).scalar_one()
    assert b"another" not in kept
