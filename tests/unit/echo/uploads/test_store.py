from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from brickyard.echo.uploads import store
from brickyard.echo.uploads.schemas import UploadProblem, UploadState
from brickyard.echo.uploads.store import Upload
from brickyard.kit.errors import NotFound

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
FIRST = Upload(
    id=uuid4(),
    owner="ada",
    name="a.wav",
    metadata="filename YQ==",
    length_bytes=1 << 40,
    offset_bytes=0,
    wrapped_key=b"key",
    created_at=NOW,
    expires_at=LATER,
    ended_at=None,
    recording=None,
    job=None,
    error=None,
)


def another(**values: object) -> Upload:
    return replace(FIRST, id=uuid4(), **values)  # type: ignore[arg-type]


@pytest.fixture
def kept(engine: sa.Engine) -> sa.Engine:
    store.insert(engine, FIRST, "session")
    return engine


def test_what_is_kept_comes_back(kept: sa.Engine) -> None:
    assert store.get(kept, FIRST.id, "ada", NOW) == FIRST


def test_it_is_there_for_its_owner_until_it_expires(kept: sa.Engine) -> None:
    for owner, now in (("ben", NOW), ("ada", LATER)):
        with pytest.raises(NotFound):
            store.get(kept, FIRST.id, owner, now)
        assert store.newest(kept, owner, now) == []


def test_newest_first(kept: sa.Engine) -> None:
    second = another(created_at=NOW + timedelta(seconds=1))
    store.insert(kept, second, "session")
    assert store.newest(kept, "ada", NOW) == [second, FIRST]


def test_saving_goes_on_and_lasts_longer(kept: sa.Engine) -> None:
    store.save(kept, FIRST.id, 1 << 39, LATER + timedelta(days=1))
    found = store.get(kept, FIRST.id, "ada", LATER)
    assert (found.offset_bytes, found.state) == (1 << 39, UploadState.arriving)
    store.save(kept, FIRST.id, 1 << 40, LATER)
    assert store.get(kept, FIRST.id, "ada", NOW).state is UploadState.checking


def test_what_has_ended_has_no_key(kept: sa.Engine) -> None:
    recording, job = uuid4(), uuid4()
    store.end(kept, FIRST.id, NOW, LATER, recording=recording, job=job)
    found = store.get(kept, FIRST.id, "ada", NOW)
    assert (found.state, found.recording, found.job) == (UploadState.done, recording, job)
    assert (found.wrapped_key, found.metadata) == (None, "")


def test_a_refused_one_says_why(kept: sa.Engine) -> None:
    store.end(kept, FIRST.id, NOW, LATER, error={"code": "bad_media", "message": "No sound."})
    found = store.get(kept, FIRST.id, "ada", NOW)
    assert found.state is UploadState.refused
    assert found.problem == UploadProblem(code="bad_media", message="No sound.")


def test_uploads_of_a_key_that_are_going(kept: sa.Engine) -> None:
    ended, late = another(), another(expires_at=NOW - timedelta(seconds=1))
    for each in (another(), ended, late):
        store.insert(kept, each, "key")
    store.end(kept, ended.id, NOW, LATER)
    assert store.going_for(kept, "key", NOW) == 1


def test_expired_ones_are_deleted(kept: sa.Engine) -> None:
    late = another(expires_at=NOW)
    store.insert(kept, late, "session")
    assert store.ids(kept) == {FIRST.id, late.id}
    assert store.delete_expired(kept, NOW) == [late.id]
    assert store.ids(kept) == {FIRST.id}
    store.delete(kept, FIRST.id)
    assert store.ids(kept) == set()
