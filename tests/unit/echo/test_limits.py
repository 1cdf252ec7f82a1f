from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.access.audit import Audit, Filter
from brickyard.echo.limits import Limits, Name, check_audio, check_size, check_storage, check_waiting
from brickyard.jobs import situation
from brickyard.jobs.job import NewJob
from brickyard.jobs.store import JobStore
from brickyard.kit.errors import BadInput, BrickyardError, TooLarge, TooManyRequests
from tests.unit.echo.welcoming import ACTOR

CEILINGS = {Name.UPLOAD_BYTES: 1000.0, Name.RUNNING_JOBS: 4.0}


@pytest.fixture
def limits(engine: sa.Engine) -> Limits:
    return Limits(engine, CEILINGS, Audit(engine, bytes(32)))


def refuses(check: Any, *values: Any) -> bool:
    try:
        check(*values)
    except BrickyardError:
        return True
    return False


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50))
def test_exactly_what_goes_over_a_limit_is_refused(used: int, more: int, most: int) -> None:
    assert refuses(check_size, more, {Name.UPLOAD_BYTES: most}) == (more > most)
    assert refuses(check_storage, used, more, {Name.STORAGE_BYTES: most}) == (used + more > most)
    assert refuses(check_waiting, used, {Name.WAITING_JOBS: most}) == (used >= most)
    over = used >= most or used + more > most
    assert refuses(check_audio, used * 60.0, more * 60.0, {Name.AUDIO_MINUTES: most}, 1.0) == over
    none: dict[Name, float] = {}
    assert not refuses(check_size, more, none)
    assert not refuses(check_storage, used, more, none)
    assert not refuses(check_waiting, used, none)
    assert not refuses(check_audio, used, more, none, 1.0)


def test_without_anything_set_the_settings_hold(limits: Limits) -> None:
    assert limits.values() == CEILINGS
    assert [limit.changed_by for limit in limits.all()] == [None] * len(Name)


def test_what_is_set_holds_and_is_recorded_and_can_be_taken_back(limits: Limits) -> None:
    limits.set({"max_upload_bytes": 500, "waiting_jobs_per_person": 3}, ACTOR)
    assert limits.values() == {**CEILINGS, Name.UPLOAD_BYTES: 500, Name.WAITING_JOBS: 3}
    limits.set({"max_upload_bytes": None}, ACTOR)
    assert limits.values() == {**CEILINGS, Name.WAITING_JOBS: 3}
    assert limits.audit is not None
    lines = limits.audit.page(Filter(action="limits.changed", object_id="max_upload_bytes"), 10)
    assert [line.details for line in reversed(lines)] == [{"from": "1000", "to": "500"}, {"from": "500", "to": "none"}]


def test_a_setting_that_was_lowered_later_goes_before_what_was_set(limits: Limits) -> None:
    limits.set({"max_upload_bytes": 900}, ACTOR)
    lower = Limits(limits.engine, {Name.UPLOAD_BYTES: 100.0})
    assert lower.values()[Name.UPLOAD_BYTES] == 100


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_upload_bytes": 1001}, "1001 is above 1000"),
        ({"waiting_jobs_per_person": 0}, "0 is not a whole number from 1 on"),
        ({"waiting_jobs_per_person": 1.5}, "1.5 is not a whole number"),
        ({"audio_minutes_per_person_per_day": -1}, "-1 is not a number above 0"),
        ({"speed": 1}, "There is no limit 'speed'. The limits are: max_upload_bytes"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_changed(limits: Limits, changes: dict[str, float], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        limits.set({"storage_bytes_per_person": 5, **changes}, ACTOR)
    assert limits.values() == CEILINGS


def test_a_person_is_told_which_limit_is_reached(limits: Limits, engine: sa.Engine) -> None:
    limits.set({"storage_bytes_per_person": 100, "waiting_jobs_per_person": 1}, ACTOR)
    add = sa.text("""
        INSERT INTO recordings (id, owner, name, sha256, size_bytes, container, duration_s, has_video)
        VALUES (:id, 'ada', 'a', '', 60, 'wav', 3600, false)""")
    with engine.begin() as connection:
        connection.execute(add, {"id": uuid4()})
    limits.check("ada", 40)
    limits.check("ben", 100)
    with pytest.raises(TooLarge, match="storage_bytes_per_person is 100"):
        limits.check("ada", 41)
    with pytest.raises(TooLarge, match="max_upload_bytes is 1,000"):
        limits.check("ben", 1001)
    JobStore(engine).submit(NewJob("toy", "ada"))
    with pytest.raises(TooManyRequests, match="waiting_jobs_per_person is 1"):
        limits.check("ada")
    limits.check("ben")


def test_minutes_count_for_their_day_whether_the_recording_is_still_there_or_not(engine: sa.Engine) -> None:
    now = datetime.now(UTC)
    limits = Limits(engine, {Name.AUDIO_MINUTES: 60.0}, clock=lambda: now)
    job = JobStore(engine).submit(NewJob("toy", "ada", work_s=1800))
    limits.check_audio("ada", 1800)
    add = sa.text("""
        INSERT INTO deletions (recording, owner, sha256, size_bytes, duration_s, created_at, deleted_by, reason,
                               destroyed, backups_until)
        VALUES (:id, 'ada', '', 1, 1800, :now, 'ada', '', '{}', :now)""")
    with engine.begin() as connection:
        connection.execute(add, {"id": uuid4(), "now": now})
    with pytest.raises(TooManyRequests, match="audio_minutes_per_person_per_day is 60") as refused:
        limits.check("ada")
    assert 0 < refused.value.retry_after_s <= 86_400
    with engine.begin() as connection:
        query = sa.text("UPDATE jobs SET created_at = created_at - interval '1 day' WHERE id = :id")
        connection.execute(query, {"id": job})
    limits.check_audio("ada", 1800)


def test_the_queue_knows_how_many_one_person_may_have_running(limits: Limits, engine: sa.Engine) -> None:
    limits.set({"running_jobs_per_person": 2}, ACTOR)
    with engine.connect() as connection:
        assert situation.read(connection, 4, datetime.now(UTC)).per_owner == 2
