from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from brickyard.echo.administration import history
from brickyard.echo.administration.history import DAY_S, HOUR_S, Hours
from brickyard.jobs.job import NewJob
from brickyard.jobs.states import Priority
from brickyard.jobs.store import submit

NOW = datetime(2026, 11, 24, 10, 20, tzinfo=UTC)


def ended(
    engine: sa.Engine,
    ago: timedelta,
    state: str = "succeeded",
    waited_s: float | None = 10.0,
    took_s: float = 100.0,
    priority: Priority = Priority.STANDARD,
    recording: UUID | None = None,
) -> None:
    """A job over an hour of audio."""
    params = {} if recording is None else {"recording": str(recording)}
    with engine.begin() as connection:
        job = submit(connection, NewJob("toy", "ada", params, priority, work_s=3600.0))
        started = None if waited_s is None else NOW - ago - timedelta(seconds=took_s)
        created = (started or NOW - ago) - timedelta(seconds=waited_s or 0)
        connection.execute(
            sa.text(
                "UPDATE jobs SET state = :state, created_at = :created, started_at = :started, ended_at = :ended"
                " WHERE id = :id"
            ),
            {"id": job, "state": state, "created": created, "started": started, "ended": NOW - ago},
        )


@given(
    st.sampled_from(Hours), st.sampled_from([HOUR_S, DAY_S]), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))
)
def test_the_buckets_are_whole_and_the_last_is_under_way(hours: Hours, bucket_s: int, naive: datetime) -> None:
    now = naive.replace(tzinfo=UTC)
    since, until = history.span(hours, bucket_s, now)
    assert until - timedelta(seconds=bucket_s) <= now < until
    assert until - since == timedelta(hours=hours)
    assert since.timestamp() % bucket_s == 0


def test_nothing_was_done_on_a_new_platform(engine: sa.Engine) -> None:
    found = history.read(engine, Hours.DAY, NOW)
    assert [bucket.ended for bucket in found.buckets] == [0] * 24
    assert found.total.ended == 0
    assert (found.total.wait_median_s, found.classes, found.people, found.teams) == (None, {}, [], [])


def test_jobs_are_counted_in_their_hour_and_class(engine: sa.Engine) -> None:
    ended(engine, timedelta(minutes=5), waited_s=10.0, took_s=100.0)
    ended(engine, timedelta(minutes=6), waited_s=30.0, took_s=360.0, priority=Priority.BATCH)
    ended(engine, timedelta(hours=2), "failed", waited_s=20.0)
    ended(engine, timedelta(hours=2), "cancelled", waited_s=None)
    ended(engine, timedelta(hours=30))
    found = history.read(engine, Hours.DAY, NOW)
    last, before = found.buckets[-1], found.buckets[-3]
    assert last.at == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert (last.ended, last.succeeded, last.audio_hours) == (2, 2, 2.0)
    assert (last.wait_median_s, last.wait_p95_s, last.x_realtime_median) == (20.0, 29.0, 23.0)
    assert {name: told.x_realtime_median for name, told in last.classes.items()} == {"standard": 36.0, "batch": 10.0}
    assert (before.ended, before.failed, before.cancelled, before.audio_hours) == (2, 1, 1, 0.0)
    assert before.wait_median_s == 20.0, "what was never started has no wait"
    assert found.total.ended == 4
    assert found.classes["standard"].ended == 3


def test_a_month_is_told_by_the_day(engine: sa.Engine) -> None:
    ended(engine, timedelta(days=20))
    found = history.read(engine, Hours.MONTH, NOW)
    assert (found.bucket_s, len(found.buckets)) == (DAY_S, 30)
    assert [bucket.at.day for bucket in found.buckets if bucket.ended] == [4]


def test_who_had_how_much_is_told_by_person_and_team(engine: sa.Engine) -> None:
    recording, team = uuid4(), uuid4()
    with engine.begin() as connection:
        values = {"id": recording, "team": team, "at": NOW - timedelta(hours=1)}
        connection.execute(sa.text("INSERT INTO users (id, name, display_name) VALUES ('ada', 'ada', 'Ada L.')"))
        connection.execute(sa.text("INSERT INTO teams (id, name) VALUES (:team, 'Research')"), values)
        add = sa.text("""
            INSERT INTO recordings (id, owner, team, name, sha256, size_bytes, container, duration_s, has_video,
                                    created_at)
            VALUES (:id, 'ada', :team, 'a', '', 700, 'wav', 3600, false, :at),
                   (gen_random_uuid(), 'gone', NULL, 'b', '', 50, 'wav', 60, false, :at)""")
        connection.execute(add, values)
    ended(engine, timedelta(minutes=5), recording=recording)
    found = history.read(engine, Hours.DAY, NOW)
    assert [(one.id, one.name, one.jobs, one.audio_hours, one.recordings, one.bytes) for one in found.people] == [
        ("ada", "Ada L.", 1, 1.0, 1, 700),
        ("gone", "gone", 0, 0.0, 1, 50),
    ]
    assert [(one.id, one.name, one.jobs, one.bytes) for one in found.teams] == [(str(team), "Research", 1, 700)]
